// A wallet of another house accepts an offer: openid4vc-ts as the client.
import { setGlobalConfig } from '@openid4vc/oauth2'
import { Openid4vciClient } from '@openid4vc/openid4vci'
import { decodeSdJwt } from './sd_jwt.mjs'
import { callbacks, input, newKey, remember, told } from './callbacks.mjs'

if (input.insecure) setGlobalConfig({ allowInsecureUrls: true })
const client = new Openid4vciClient({ callbacks })
const credentialOffer = await client.resolveCredentialOffer(input.offer)
const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer)

const dpop = input.dpop ? { signer: remember(await newKey()) } : undefined
const token = await client.retrievePreAuthorizedCodeAccessTokenFromOffer({
  credentialOffer,
  issuerMetadata,
  txCode: input.tx_code,
  dpop,
})
const nonce = await client.requestNonce({ issuerMetadata })
const configuration = credentialOffer.credential_configuration_ids[0]
const keys = []
const jwt = []
for (let copy = 0; copy < (input.copies ?? 1); copy += 1) {
  const key = await newKey()
  keys.push(key)
  const proof = await client.createCredentialRequestJwtProof({
    issuerMetadata,
    credentialConfigurationId: configuration,
    signer: remember(key),
    nonce: nonce.c_nonce,
  })
  jwt.push(proof.jwt)
}
const { credentialResponse } = await client.retrieveCredentials({
  issuerMetadata,
  accessToken: token.accessTokenResponse.access_token,
  credentialConfigurationId: configuration,
  proofs: { jwt },
  dpop: token.dpop,
})
const credentials = credentialResponse.credentials.map((one) => one.credential)
told({
  version: issuerMetadata.originalDraftVersion,
  type: token.accessTokenResponse.token_type,
  credentials,
  keys: keys.map((key) => key.private),
  claims: await Promise.all(credentials.map(decodeSdJwt)),
})
