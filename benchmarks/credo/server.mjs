// Credo's issuer and verifier on this machine: the same wallets are sent to them as to ours.
// argv[2]: JSON with port, the chain (base64 of DER) and the private key (JWK) that signs requests.
import { Agent, Kms, X509Certificate } from '@credo-ts/core'
import { agentDependencies, NodeInMemoryKeyManagementStorage, NodeKeyManagementService } from '@credo-ts/node'
import { OpenId4VcModule } from '@credo-ts/openid4vc'
import express from 'express'
import { MemoryStorageModule } from './storage.mjs'

const given = JSON.parse(process.argv[2])
const base = `http://127.0.0.1:${given.port}`
const app = express()
const withheld = ['name', 'name_latin', 'birthdate', 'degree', 'degree_foreign', 'classification']
const claims = {
  certificate_no: 'DIP-2026-00001', award_date: '2026-06-26', name: 'Person 1', name_latin: 'PERSON 1',
  birthdate: '2001-02-28', degree: 'Translation', degree_foreign: 'Tradução', classification: 'Pass',
}

function sign({ holderBinding, credentialConfiguration }) {
  return {
    type: 'credentials',
    format: 'dc+sd-jwt',
    credentials: holderBinding.keys.map((holder) => ({
      payload: { vct: credentialConfiguration.vct, iat: Math.floor(Date.now() / 1000), ...claims },
      holder,
      issuer: { method: 'did', didUrl },
      disclosureFrame: { _sd: withheld },
    })),
  }
}

const agent = new Agent({
  config: { allowInsecureHttpUrls: true },
  dependencies: agentDependencies,
  modules: {
    storage: new MemoryStorageModule(),
    kms: new Kms.KeyManagementModule({
      backends: [new NodeKeyManagementService(new NodeInMemoryKeyManagementStorage())],
    }),
    openid4vc: new OpenId4VcModule({
      app,
      issuer: { baseUrl: `${base}/oid4vci`, credentialRequestToCredentialMapper: sign },
      verifier: { baseUrl: `${base}/oid4vp` },
    }),
  },
})
await agent.initialize()
const made = await agent.dids.create({
  method: 'key',
  options: { createKey: { type: { kty: 'OKP', crv: 'Ed25519' } } },
})
const { did } = made.didState
const didUrl = `${did}#${did.slice('did:key:'.length)}`
const { issuerId } = await agent.openid4vc.issuer.createIssuer({
  display: [{ name: 'Peer' }],
  dpopSigningAlgValuesSupported: ['ES256'],
  credentialConfigurationsSupported: {
    diploma: {
      format: 'dc+sd-jwt',
      vct: given.vct,
      scope: 'diploma',
      cryptographic_binding_methods_supported: ['jwk'],
      credential_signing_alg_values_supported: ['EdDSA'],
      proof_types_supported: { jwt: { proof_signing_alg_values_supported: ['EdDSA'] } },
      credential_metadata: { display: [{ name: 'Diploma', locale: 'en' }] },
    },
  },
})
const { verifierId } = await agent.openid4vc.verifier.createVerifier({})
const { keyId } = await agent.kms.importKey({ privateJwk: given.key })
const x5c = given.chain.map((der) => X509Certificate.fromEncodedCertificate(der))
x5c[0].publicJwk.keyId = keyId

async function offer() {
  const { credentialOffer } = await agent.openid4vc.issuer.createCredentialOffer({
    issuerId,
    credentialConfigurationIds: ['diploma'],
    preAuthorizedCodeFlowConfig: {},
  })
  return credentialOffer
}

async function ask() {
  const { authorizationRequest, verificationSession } = await agent.openid4vc.verifier.createAuthorizationRequest({
    verifierId,
    requestSigner: { method: 'x5c', x5c, clientIdPrefix: 'x509_hash' },
    responseMode: 'direct_post.jwt',
    dcql: { query: given.query },
  })
  return { id: verificationSession.id, request: authorizationRequest }
}

app.post('/bench/offer', async (_, response) => response.json({ offer: await offer() }))
app.post('/bench/ask', async (_, response) => response.json(await ask()))
app.get('/bench/state/:id', async (request, response) => {
  const { state } = await agent.openid4vc.verifier.getVerificationSessionById(request.params.id)
  response.json({ state })
})
app.listen(given.port, '127.0.0.1', () => console.log(`listening on ${base}`))
