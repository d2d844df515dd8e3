"""The check `template_conformance`: the claims are what the published template says.

Clauses VF-25 and VF-38 of specs/verification.md.
"""

from __future__ import annotations

from typing import Final

from weid.clock import format_time
from weid.credential.template import CredentialTemplate
from weid.errors import MalformedError, NotFoundError, ProofError
from weid.registry.records import TemplateRecord
from weid.verification.context import Context, IssuerInRegistry, Subject
from weid.verification.credential_types import template_of
from weid.verification.finding import Finding, failed, good, undetermined

_PATHS_NAMED: Final = 8


def check_template_conformance(subject: Subject, context: Context) -> Finding:
    """The template is published, was active, is the one that was meant, and is kept to."""
    trust = subject.trust
    if isinstance(trust, IssuerInRegistry):
        template = _published(subject, trust, context)
    else:
        template = trust.template
    faults = template.check_presented(subject.claims, subject.disclosed)
    if faults:
        named = dict.fromkeys(str(fault.path) or "the claims" for fault in faults)
        raise failed("claims_do_not_conform", paths=", ".join(list(named)[:_PATHS_NAMED]))
    subject.template = template
    return good("template_conformance_good")


def _published(subject: Subject, trust: IssuerInRegistry, context: Context) -> CredentialTemplate:
    cpt_id, version = template_of(subject.vct, trust.name)
    reader = trust.network.reader
    record = trust.answers.get(
        ("template", cpt_id, version), lambda: reader.template(cpt_id, version)
    )
    if record is None:
        raise failed("template_unknown")
    ended = record.deactivated_at
    if ended is not None and subject.issued_at > ended + trust.lag:
        raise failed("template_deactivated", time=format_time(ended))
    template = _template(record, trust, context)
    if subject.credential.vct_integrity not in {None, template.integrity}:
        raise failed("template_mismatch")
    return template


def _template(
    record: TemplateRecord, trust: IssuerInRegistry, context: Context
) -> CredentialTemplate:
    """Return the template of a record; one digest is read and compiled once."""
    known = context.known.templates.get(record.digest)
    if known is not None:
        return known
    try:
        template = CredentialTemplate.from_json(trust.network.reader.template_document(record))
    except NotFoundError:
        raise undetermined("template_unavailable") from None
    except MalformedError:
        raise failed("template_unusable") from None
    if template.digest != record.digest or template.network != trust.name:
        raise ProofError("the template's bytes are not those of its record")
    if (template.cpt_id, template.version) != (record.cpt_id, record.template_version):
        raise failed("template_unusable")
    context.known.templates.put(record.digest, template)
    return template
