"""A university issues a diploma, its holder shows two claims of it, an employer verifies them."""

from datetime import timedelta

from registry_chain import LocalRegistry
from weid import CredentialTemplate, Issuer, Verifier, Wallet

registry = LocalRegistry()

# Issuer: a university publishes a template and issues a diploma.
university = Issuer.register("University of London", registry=registry)
diploma = university.publish(CredentialTemplate.from_file("diploma.json"))
registry.governor.recognize(university.did, diploma)

wallet = Wallet.create("ada.wallet", passphrase="correct horse")
credential = university.issue(
    diploma,
    {"name": "Ada Lovelace", "degree": "Mathematics", "born": "1815-12-10"},
    holder_key=wallet.new_key(),
    valid_for=timedelta(days=365),
)

# Verifier: an employer asks for two claims.
employer = Verifier("https://employer.example", registry=registry)
request = employer.request(diploma, "name", "degree")

# Holder: Ada shows those two, and her date of birth stays in the wallet.
wallet.add(credential)
presentation = wallet.present(request, disclose=["name", "degree"])

report = employer.verify(presentation, request)
print(report)  # one line for each check
ada = report.require()  # or raises VerificationError, carrying the report
print(ada.claims["degree"])
