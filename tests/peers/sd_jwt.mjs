// SD-JWT VC of another house: read, and shown in part with a key binding.
import { createHash } from 'node:crypto'
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc'
import * as jose from 'jose'

const hasher = (data, alg) =>
  new Uint8Array(createHash(alg.replace('-', '')).update(typeof data === 'string' ? data : Buffer.from(data)).digest())
const saltGenerator = (length) => Buffer.from(crypto.getRandomValues(new Uint8Array(length))).toString('base64url')

export async function decodeSdJwt(text) {
  const instance = new SDJwtVcInstance({ hasher, hashAlg: 'sha-256', saltGenerator })
  return instance.getClaims(text)
}

export async function present(text, privateJwk, frame, audience, nonce) {
  const key = await jose.importJWK(privateJwk, 'ES256')
  const kbSigner = async (data) => {
    const made = await crypto.subtle.sign(
      { name: 'ECDSA', hash: 'SHA-256' }, key, new TextEncoder().encode(data))
    return Buffer.from(made).toString('base64url')
  }
  const instance = new SDJwtVcInstance({ hasher, hashAlg: 'sha-256', saltGenerator, kbSigner, kbSignAlg: 'ES256' })
  const payload = { iat: Math.floor(Date.now() / 1000), aud: audience, nonce }
  return instance.present(text, frame, { kb: { payload } })
}
