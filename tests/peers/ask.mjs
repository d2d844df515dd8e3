// A verifier of another house makes a signed request: openid4vc-ts.
import { Openid4vpVerifier } from '@openid4vc/openid4vp'
import * as jose from 'jose'
import { callbacks, input, told } from './callbacks.mjs'

const verifier = new Openid4vpVerifier({ callbacks })
const pair = await jose.generateKeyPair('ECDH-ES', { crv: 'P-256', extractable: true })
const members = { kid: 'e1', use: 'enc', alg: 'ECDH-ES' }
const encryption = {
  jwks: { keys: [{ ...(await jose.exportJWK(pair.publicKey)), ...members }] },
  encrypted_response_enc_values_supported: ['A128GCM', 'A256GCM'],
}
const made = await verifier.createOpenId4vpAuthorizationRequest({
  authorizationRequestPayload: {
    response_type: 'vp_token',
    client_id: input.client_id,
    nonce: 'a-nonce-of-the-verifier',
    state: 'a-state',
    response_mode: input.encrypted ? 'direct_post.jwt' : 'direct_post',
    response_uri: input.response_uri,
    dcql_query: input.query,
    client_metadata: {
      vp_formats_supported: { 'dc+sd-jwt': { 'sd-jwt_alg_values': ['EdDSA'], 'kb-jwt_alg_values': ['EdDSA'] } },
      ...(input.encrypted ? encryption : {}),
    },
    aud: 'https://self-issued.me/v2',
    ...(input.wallet_nonce ? { wallet_nonce: input.wallet_nonce } : {}),
  },
  jar: {
    requestUri: input.request_uri,
    jwtSigner: { method: 'x5c', x5c: input.x5c, alg: 'ES256' },
    expiresInSeconds: 300,
  },
  ...(input.wallet_nonce ? { wallet: { expectedNonce: input.wallet_nonce } } : {}),
})
told({
  link: made.authorizationRequest,
  object: made.jar.authorizationRequestJwt,
  payload: made.authorizationRequestPayload,
  decrypt: { ...(await jose.exportJWK(pair.privateKey)), ...members },
})
