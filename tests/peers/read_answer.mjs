// A verifier of another house reads what our wallet posted: openid4vc-ts and sd-jwt.
import { createHash } from 'node:crypto'
import { Openid4vpVerifier } from '@openid4vc/openid4vp'
import { SDJwtInstance } from '@sd-jwt/core'
import * as jose from 'jose'
import { callbacks, input, told } from './callbacks.mjs'

const verifier = new Openid4vpVerifier({ callbacks })
const parsed = await verifier.parseOpenid4vpAuthorizationResponse({
  authorizationResponse: input.form,
  authorizationRequestPayload: input.request,
  callbacks,
})
const token = parsed.authorizationResponsePayload.vp_token
const [presentation] = Object.values(typeof token === 'string' ? JSON.parse(token) : token).flat()

const hasher = (data, alg) =>
  new Uint8Array(createHash(alg.replace('-', '')).update(typeof data === 'string' ? data : Buffer.from(data)).digest())
const check = (jwk) => async (data, signature) => {
  const key = await jose.importJWK(jwk, 'EdDSA')
  return crypto.subtle.verify('Ed25519', key, Buffer.from(signature, 'base64url'), new TextEncoder().encode(data))
}
const instance = new SDJwtInstance({
  hasher,
  verifier: check(input.issuer_key),
  kbVerifier: (data, signature, payload) => check(payload.cnf.jwk)(data, signature),
})
const decoded = await instance.decode(presentation)
const status = decoded.jwt.payload.status
const kb = decoded.kbJwt.payload
const { payload: claims } = await instance.verify(presentation, { keyBindingNonce: input.request.nonce })
told({ state: parsed.authorizationResponsePayload.state, aud: kb.aud, nonce: kb.nonce, status, claims })
