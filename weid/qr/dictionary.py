"""The preset dictionary, version 1: generic text that credentials and requests are made of.

Frozen: a byte changed here makes every code in the world unreadable, so its SHA-256 stands in
`specs/qr.md` and in a test. A better dictionary is a new version with a new prefix. DEFLATE spends
fewest bits on what stands last, so the most frequent text is at the end.
"""

from __future__ import annotations

from typing import Final

_WORDS: Final = (
    # Terms of certificates in Chinese, Portuguese and English.
    "澳門特別行政區政府 中華人民共和國 香港特別行政區 身份證明局 居民身份證 永久性居民 非永久性居民"
    " 教育及青年發展局 社會工作局 勞工事務局 衛生局 旅遊局 市政署 財政局 法務局 工程師專業委員會"
    " 出生日期 發出日期 有效期 國籍 性別 男 女 姓名 地址 證書編號 職業 專業資格認證 登記編號 註冊"
    " 持牌 執業 導遊 社會工作者 電機工程師 土木工程師 建築師 護士 醫生 會計師 律師 教師 藥劑師"
    " 學士學位 碩士學位 博士學位 文憑 證書 大學 學院 學校 理工 工商管理 計算機科學 法學 教育學"
    " 文學 理學 工學 醫學 護理學 經濟學 會計學 翻譯學 工程學 社會科學 公共行政 優異 及格"
    " Região Administrativa Especial de Macau República Popular da China Direcção dos Serviços de"
    " Identificação Bilhete de Identidade de Residente Permanente Certificado de Registo Criminal"
    " Licenciatura em Mestrado em Doutoramento em Diploma de Universidade de Instituto Politécnico"
    " Engenharia Civil Electrotécnica Direito Educação Gestão de Empresas Administração Pública"
    " Ciências Informática Enfermagem Tradução Contabilidade Economia Medicina Arquitectura"
    " Engenheiro Enfermeiro Médico Advogado Professor Contabilista Arquitecto Assistente Social"
    " Guia Turístico Chinês Português Inglês Fernandes Rodrigues Gonçalves Ferreira Oliveira"
    " Pereira Santos da Silva Sousa Costa Martins António Maria José João Manuel Ana Luís"
    " The Government of the Macao Special Administrative Region Ministry of Department of"
    " Bachelor of Master of Doctor of Philosophy in Associate Diploma in Certificate of"
    " Computer Science Business Administration Civil Engineering Electrical Engineering"
    " Mechanical Engineering Education Economics Mathematics Medicine Nursing Accounting Law Arts"
    " Social Worker Tourist Guide Registered Nurse Engineer Architect Teacher Pharmacist"
    " First Class Honours Second Class Merit Distinction Pass Permanent Resident Non-permanent"
    " University of College School Institute National International Professional Qualification"
)

_CLAIMS: Final = "".join(
    f'","{name}","'
    for name in (
        "portrait",
        "picture",
        "website",
        "email",
        "email_verified",
        "phone_number",
        "formatted",
        "street_address",
        "postal_code",
        "region",
        "locality",
        "country",
        "address",
        "age_in_years",
        "age_birth_year",
        "age_over_65",
        "age_over_21",
        "age_over_18",
        "18",
        "21",
        "age_equal_or_over",
        "place_of_birth",
        "birth_place",
        "birth_family_name",
        "birth_given_name",
        "nationality",
        "nationalities",
        "sex",
        "gender",
        "marital_status",
        "relationship",
        "employer",
        "occupation",
        "position",
        "organisation",
        "department",
        "license_number",
        "licence_class",
        "vehicle_class",
        "registered_address",
        "registration_number",
        "registered_on",
        "profession_foreign",
        "profession",
        "speciality",
        "qualification",
        "school",
        "university",
        "institution",
        "faculty",
        "major",
        "minor",
        "subject",
        "grade",
        "score",
        "gpa",
        "classification",
        "graduation_date",
        "award_date",
        "awarded_on",
        "degree_foreign",
        "degree_type",
        "degree",
        "student_number",
        "personal_administrative_number",
        "document_type",
        "document_number",
        "passport_number",
        "resident_since",
        "resident_status",
        "residence_type",
        "permit_number",
        "serial_number",
        "certificate_number",
        "certificate_no",
        "number",
        "identity_number",
        "id_number",
        "issuing_authority",
        "issuing_country",
        "issuing_jurisdiction",
        "issuance_date",
        "issued_on",
        "issue_date",
        "valid_from",
        "valid_until",
        "expiry_date",
        "status",
        "type",
        "title",
        "date_of_birth",
        "born",
        "birth_date",
        "birthdate",
        "middle_name",
        "last_name",
        "first_name",
        "full_name",
        "name_chinese",
        "name_portuguese",
        "name_english",
        "name_zh",
        "name_pt",
        "name_en",
        "name_latin",
        "family_name",
        "given_name",
        "name",
    )
)

_REQUEST: Final = (
    '"values":["multiple":true"claim_sets":[["credential_sets":[{"options":[["required":false'
    '"trusted_authorities":[{"type":"aki","values":["require_cryptographic_holder_binding":false'
    '"purpose":"transaction_data":["vp_formats_supported":{"dc+sd-jwt":{"sd-jwt_alg_values":'
    '["EdDSA","ES256"],"kb-jwt_alg_values":["EdDSA","ES256"]}}}redirect_uri:https://x509_san_dns:'
    'decentralized_identifier:did:weid:{"path":["address","null]}],"id":"'
    '{"response_type":"vp_token","client_id":"https://","nonce":"\x01","dcql_query":{"credentials":'
    '[{"id":"credential","format":"dc+sd-jwt","meta":{"vct_values":["urn:weid::cpt:"]},"claims":[{'
    '"path":["name"]},{"path":["degree"]}]}]},"response_mode":"direct_post","response_uri":"https://'
    '","state":"\x01","iat":17,"exp":17,"client_metadata":{"client_name":"'
)

_CREDENTIAL: Final = (
    "did:jwk:eyJrdHkiOiJPS1AiLCJjcnYiOiJFZDI1NTE5IiwieCI6I did:key:z6Mk did:web:"
    "https://www..gov.mo/.gov/.edu/.example/.com/.org/status-lists/statuslists/status/"
    '"display":[{"locale":"zh-Hant-MO"pt-PT"en"","lang":"...":"\x02"},{"...":"\x02"}]true,false,null'
    '"nbf":1"sub":"jti":"aud":"","address":{"locality":"","country":"","_sd":["\x053","\x054","'
    '{"alg":"ES256","typ":"dc+sd-jwt","kid":"did:weid:","x5c":["MII'
    '{"alg":"ES256","typ":"kb+jwt"}{"typ":"kb+jwt","alg":"ES256"}'
    '{"typ":"dc+sd-jwt","alg":"EdDSA","kid":"did:weid:\x03#key-1"}'
    '"cnf":{"jwk":{"kty":"EC","crv":"P-256","x":"\x02","y":"\x02"}},"kid":"'
    '"cnf":{"jwk":{"crv":"Ed25519","kty":"OKP","x":"\x02"}},'
    '"_sd":["\x05","\x050","\x02","\x02","\x02"],"_sd_alg":"sha-256"},"iat":17,"nbf":17'
    ',"exp":18,"iss":"did:weid:mo:\x03","status":{"status_list":{"idx":,"uri":"https://'
    '"}},"vct":"urn:weid::cpt:","vct#integrity":"\x06","verified":"'
    '{"typ":"kb+jwt","alg":"EdDSA"}{"aud":"weid:shown","iat":18,"nonce":"\x01","sd_hash":"\x04"}'
    '{"alg":"EdDSA","typ":"kb+jwt"}{"iat":17,"aud":"weid:shown","nonce":"\x01","sd_hash":"\x04"}'
    '"aud":"https://","nonce":"\x01","sd_hash":"\x04"}["\x01","["\x01","'
    '{"alg":"EdDSA","typ":"dc+sd-jwt","kid":"did:weid:macau:\x03#assertion-1"}'
    '{"iss":"did:weid:macau:\x07","iat":17,"exp":18,"vct":"urn:weid:macau:cpt:diploma:1",'
    '"vct#integrity":"sha256-\x06","cnf":{"jwk":{"kty":"OKP","crv":"Ed25519","x":"\x02"}},'
    '"status":{"status_list":{"idx":1,"uri":"https://"}},"certificate_no":"'
    '","_sd":["\x02","\x02","\x02","\x02","\x050","\x051","\x052"],"_sd_alg":"sha-256"}'
)

DICTIONARY_V1: Final = (_WORDS + _CLAIMS + _REQUEST + _CREDENTIAL).encode("utf-8")
"""The bytes that every reader and writer of WI1 and WI3 presets in DEFLATE."""
DICTIONARY_V1_SHA256: Final = "2cca35c921dec798dc79ded1e1d18c9344e62615973f895c98cbf616e8785122"
"""SHA-256 of `DICTIONARY_V1`, in hexadecimal."""
