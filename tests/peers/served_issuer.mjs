// An issuer of another house on this machine: openid4vc-ts and sd-jwt behind a plain server.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { Oauth2AuthorizationServer, setGlobalConfig } from '@openid4vc/oauth2'
import { Openid4vciIssuer } from '@openid4vc/openid4vci'
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc'
import * as jose from 'jose'
import { callbacks, input, newKey, remember } from './callbacks.mjs'

setGlobalConfig({ allowInsecureUrls: true })
const issuer = new Openid4vciIssuer({ callbacks })
const server = new Oauth2AuthorizationServer({ callbacks })
const tokenSigner = remember(await newKey())
const signingKey = await jose.generateKeyPair('ES256', { extractable: true })
const hasher = (data, alg) =>
  new Uint8Array(createHash(alg.replace('-', '')).update(typeof data === 'string' ? data : Buffer.from(data)).digest())
const sdJwt = new SDJwtVcInstance({
  hasher,
  hashAlg: 'sha-256',
  saltGenerator: () => Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64url'),
  signAlg: 'ES256',
  signer: async (data) => {
    const made = await crypto.subtle.sign(
      { name: 'ECDSA', hash: 'SHA-256' }, signingKey.privateKey, new TextEncoder().encode(data))
    return Buffer.from(made).toString('base64url')
  },
})
const events = []
let state

async function body(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

function like(request, path) {
  return { headers: new Headers(request.headers), method: request.method, url: state.base + path }
}

async function token(request, form) {
  const parsed = server.parseAccessTokenRequest({ request: like(request, '/token'), accessTokenRequest: form })
  const common = {
    accessTokenRequest: parsed.accessTokenRequest,
    authorizationServerMetadata: state.server,
    request: like(request, '/token'),
    grant: parsed.grant,
    dpop: { required: input.dpop, allowedSigningAlgs: ['ES256'], jwt: parsed.dpop?.jwt },
  }
  const verified = parsed.grant.grantType === 'authorization_code'
    ? await server.verifyAuthorizationCodeAccessTokenRequest({
        ...common,
        expectedCode: 'page-code',
        pkce: {
          codeChallenge: state.pushed.code_challenge,
          codeChallengeMethod: state.pushed.code_challenge_method,
          codeVerifier: parsed.pkceCodeVerifier,
        },
      })
    : await server.verifyPreAuthorizedCodeAccessTokenRequest({
        ...common,
        expectedPreAuthorizedCode: 'pre-code',
        expectedTxCode: '493536',
      })
  events.push(parsed.grant.grantType.split(':').pop())
  return server.createAccessTokenResponse({
    audience: state.base,
    authorizationServer: state.base,
    expiresInSeconds: 300,
    signer: tokenSigner,
    subject: 'ada',
    dpop: verified.dpop,
  })
}

async function credential(request, value) {
  const scheme = input.dpop ? 'DPoP ' : 'Bearer '
  if (!request.headers.authorization?.startsWith(scheme)) throw new Error('no token')
  const parsed = issuer.parseCredentialRequest({ issuerMetadata: state.metadata, credentialRequest: value })
  const credentials = []
  for (const jwt of parsed.proofs.jwt) {
    const proof = await issuer.verifyCredentialRequestJwtProof({
      issuerMetadata: state.metadata, jwt, expectedNonce: 'c-nonce-1', nonceExpiresAt: new Date(Date.now() + 60000),
    })
    const claims = { name: 'Ada Lovelace', degree: 'Mathematics' }
    const text = await sdJwt.issue(
      { iss: state.base, vct: state.vct, iat: Math.floor(Date.now() / 1000), cnf: { jwk: proof.signer.publicJwk }, ...claims },
      { _sd: Object.keys(claims) })
    credentials.push({ credential: text })
  }
  events.push(`credential:${credentials.length}`)
  return issuer.createCredentialResponse({ credentialRequest: parsed, credentials, notificationId: 'notice-1' })
}

const routes = {
  'GET /.well-known/openid-credential-issuer': async () => state.metadata.credentialIssuer,
  'GET /.well-known/oauth-authorization-server': async () => state.server,
  'POST /token': async (request, text) => token(request, Object.fromEntries(new URLSearchParams(text))),
  'POST /par': async (request, text) => {
    const parsed = await server.parsePushedAuthorizationRequest({
      request: like(request, '/par'), authorizationRequest: Object.fromEntries(new URLSearchParams(text)),
    })
    state.pushed = parsed.authorizationRequest
    events.push('pushed')
    return server.createPushedAuthorizationResponse({
      requestUri: 'urn:ietf:params:oauth:request_uri:one', expiresInSeconds: 60,
    }).pushedAuthorizationResponse
  },
  'POST /nonce': async () => issuer.createNonceResponse({ cNonce: 'c-nonce-1' }),
  'POST /credential': async (request, text) => credential(request, JSON.parse(text)),
  'POST /notification': async (request, text) => {
    events.push(JSON.parse(text).event)
    return null
  },
  'GET /authorize': async () => {
    const back = new URL(state.pushed.redirect_uri)
    back.searchParams.set('code', 'page-code')
    back.searchParams.set('state', state.pushed.state)
    back.searchParams.set('iss', state.base)
    return { location: String(back) }
  },
  'GET /events': async () => events,
}

const http = createServer(async (request, response) => {
  const route = routes[`${request.method} ${new URL(request.url, 'http://x').pathname}`]
  let status = 404
  let value = { error: 'not_found' }
  try {
    if (route) {
      value = await route(request, await body(request))
      status = request.url === '/par' ? 201 : 200
    }
  } catch (error) {
    events.push(`error: ${error.message}`)
    status = 400
    value = error.errorResponse ?? { error: 'invalid_request', error_description: String(error.message) }
  }
  if (value === null) {
    response.writeHead(204).end()
    return
  }
  response.writeHead(status, { 'Content-Type': 'application/json', Connection: 'close' }).end(JSON.stringify(value))
})
http.listen(0, '127.0.0.1', async () => {
  const base = `http://127.0.0.1:${http.address().port}`
  const vct = 'https://peer.example/diploma'
  const server_ = server.createAuthorizationServerMetadata({
    issuer: base,
    token_endpoint: `${base}/token`,
    authorization_endpoint: `${base}/authorize`,
    pushed_authorization_request_endpoint: `${base}/par`,
    require_pushed_authorization_requests: true,
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    'pre-authorized_grant_anonymous_access_supported': true,
    ...(input.dpop ? { dpop_signing_alg_values_supported: ['ES256'] } : {}),
  })
  const credentialIssuer = issuer.createCredentialIssuerMetadata({
    credential_issuer: base,
    credential_endpoint: `${base}/credential`,
    nonce_endpoint: `${base}/nonce`,
    notification_endpoint: `${base}/notification`,
    batch_credential_issuance: { batch_size: 3 },
    credential_configurations_supported: {
      diploma: {
        format: 'dc+sd-jwt',
        vct,
        scope: 'diploma',
        cryptographic_binding_methods_supported: ['jwk'],
        credential_signing_alg_values_supported: ['ES256'],
        proof_types_supported: { jwt: { proof_signing_alg_values_supported: ['ES256'] } },
        credential_metadata: { display: [{ name: 'Diploma', locale: 'en' }] },
      },
    },
  })
  state = { base, vct, server: server_, metadata: { credentialIssuer, authorizationServers: [server_], knownCredentialConfigurations: credentialIssuer.credential_configurations_supported } }
  const grants = input.by_page
    ? { authorization_code: { issuer_state: 'state-1' } }
    : { 'urn:ietf:params:oauth:grant-type:pre-authorized_code': { 'pre-authorized_code': 'pre-code', tx_code: { input_mode: 'numeric', length: 6 } } }
  const offer = await issuer.createCredentialOffer({
    issuerMetadata: state.metadata, credentialConfigurationIds: ['diploma'], grants,
  })
  process.stdout.write(`${JSON.stringify({ base, vct, offer: offer.credentialOffer })}\n`)
})
process.stdin.on('close', () => process.exit())
process.stdin.resume()
