// What the peers' libraries ask of their surroundings: keys, hashes, and where a host really is.
import { createHash, randomBytes, X509Certificate } from 'node:crypto'
import * as jose from 'jose'

// A server is told on its command line: it lives until its standard input ends.
export const input = JSON.parse(process.argv[2] ?? (await new Response(process.stdin).text()))

// Hosts of https addresses that stand on this machine for the test.
const places = input.places ?? {}
export const sent = []

export async function fetchAt(url, init) {
  const asked = new URL(String(url))
  const place = places[asked.origin]
  sent.push([init?.method ?? 'GET', asked.pathname])
  return fetch(place ? place + asked.pathname + asked.search : asked, { ...init, redirect: 'error' })
}

export async function newKey() {
  const pair = await jose.generateKeyPair('ES256', { extractable: true })
  return { public: await jose.exportJWK(pair.publicKey), private: await jose.exportJWK(pair.privateKey) }
}

const known = new Map()

export function remember(key) {
  known.set(`${key.public.x}.${key.public.y}`, key.private)
  return { method: 'jwk', publicJwk: key.public, alg: 'ES256' }
}

export const hash = (data, alg) => createHash(alg.replace('-', '')).update(data).digest()

async function keyOf(signer) {
  if (signer.method === 'x5c') return (await jose.importX509(pem(signer.x5c[0]), signer.alg))
  if (signer.method === 'jwk') return jose.importJWK(signer.publicJwk, signer.alg)
  throw new Error(`no key by ${signer.method}`)
}

const pem = (text) => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----`

export const callbacks = {
  fetch: fetchAt,
  hash,
  generateRandom: (count) => randomBytes(count),
  clientAuthentication: () => {},
  async signJwt(signer, { header, payload }) {
    const jwk = signer.method === 'x5c' ? input.key : known.get(`${signer.publicJwk.x}.${signer.publicJwk.y}`)
    const key = await jose.importJWK(jwk, signer.alg)
    const jwt = await new jose.SignJWT(payload).setProtectedHeader({ ...header, alg: signer.alg }).sign(key)
    return { jwt, signerJwk: signer.publicJwk }
  },
  async verifyJwt(signer, { compact }) {
    try {
      const key = await keyOf(signer)
      await jose.compactVerify(compact, key)
      return { verified: true, signerJwk: await jose.exportJWK(key) }
    } catch {
      return { verified: false }
    }
  },
  async encryptJwe(encryptor, data) {
    const jwk = encryptor.publicJwk
    const key = await jose.importJWK(jwk, 'ECDH-ES')
    const jwe = await new jose.CompactEncrypt(new TextEncoder().encode(data))
      .setProtectedHeader({ alg: 'ECDH-ES', enc: encryptor.enc, ...(jwk.kid ? { kid: jwk.kid } : {}) })
      .setKeyManagementParameters({
        ...(encryptor.apu ? { apu: jose.base64url.decode(encryptor.apu) } : {}),
        ...(encryptor.apv ? { apv: jose.base64url.decode(encryptor.apv) } : {}),
      })
      .encrypt(key)
    return { encryptionJwk: jwk, jwe }
  },
  async decryptJwe(jwe) {
    if (!input.decrypt) return { decrypted: false }
    const key = await jose.importJWK(input.decrypt, 'ECDH-ES')
    const { plaintext } = await jose.compactDecrypt(jwe, key)
    return { decrypted: true, decryptionJwk: input.decrypt, payload: new TextDecoder().decode(plaintext) }
  },
  getX509CertificateMetadata(certificate) {
    const names = (new X509Certificate(pem(certificate)).subjectAltName ?? '').split(', ')
    const of = (kind) => names.filter((n) => n.startsWith(kind)).map((n) => n.slice(kind.length))
    return { sanDnsNames: of('DNS:'), sanUriNames: of('URI:') }
  },
}

export function told(value) {
  process.stdout.write(JSON.stringify({ ...value, sent }))
}
