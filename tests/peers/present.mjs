// A wallet of another house answers a request: openid4vc-ts, dcql and sd-jwt.
import { setGlobalConfig } from '@openid4vc/oauth2'
import { Openid4vpClient } from '@openid4vc/openid4vp'
import { DcqlQuery } from 'dcql'
import { callbacks, input, told } from './callbacks.mjs'
import { decodeSdJwt, present } from './sd_jwt.mjs'

if (input.insecure) setGlobalConfig({ allowInsecureUrls: true })
const client = new Openid4vpClient({ callbacks })
const parsed = client.parseOpenid4vpAuthorizationRequest({ authorizationRequest: input.link })
const wallet = input.wallet_nonce ? { wallet: { nonce: input.wallet_nonce } } : {}
const resolved = await client.resolveOpenId4vpAuthorizationRequest({
  authorizationRequestPayload: parsed.params,
  ...wallet,
})
const request = resolved.authorizationRequestPayload

const query = DcqlQuery.parse(request.dcql_query)
DcqlQuery.validate(query)
const claims = await decodeSdJwt(input.credential)
const held = { credential_format: 'dc+sd-jwt', vct: claims.vct, claims, cryptographic_holder_binding: true }
const found = DcqlQuery.query(query, [held])

const frame = {}
for (const claim of query.credentials[0].claims ?? []) frame[claim.path[0]] = true
const text = await present(input.credential, input.key, frame, request.client_id, request.nonce)
const made = await client.createOpenid4vpAuthorizationResponse({
  authorizationRequestPayload: request,
  authorizationResponsePayload: { vp_token: { [query.credentials[0].id]: [text] } },
  ...(request.response_mode === 'direct_post.jwt'
    ? {
        jarm: {
          encryption: { nonce: 'a-nonce-of-the-wallet' },
          serverMetadata: {
            authorization_signing_alg_values_supported: [],
            authorization_encryption_alg_values_supported: ['ECDH-ES'],
            authorization_encryption_enc_values_supported: ['A128GCM', 'A256GCM'],
          },
        },
      }
    : {}),
})
const { response } = await client.submitOpenid4vpAuthorizationResponse({
  authorizationRequestPayload: request,
  authorizationResponsePayload: made.authorizationResponsePayload,
  ...(made.jarm ? { jarm: { responseJwt: made.jarm.responseJwt } } : {}),
})
told({
  version: resolved.version,
  client: resolved.client.prefix,
  can_be_satisfied: found.can_be_satisfied,
  mode: request.response_mode,
  status: response.status,
  body: await response.text(),
})
