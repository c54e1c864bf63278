"""Object identifiers by name, and names by object identifier.

A constant is the RFC's name in UPPER_SNAKE (without the leading `id-` for hash functions, HMACs and attribute
types); `name()` gives back the RFC's own spelling, so that dumps can be read. The order is that of the RFCs.
This file knows numbers and names, no ASN.1 type and no meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ._engine.values import ObjectIdentifier

_names: dict[str, str] = {}
_short_names: dict[str, str] = {}

NAMES: Final[Mapping[str, str]] = MappingProxyType(_names)
"""The RFC's name of every object identifier below: ``1.2.840.113533.7.66.13`` -> ``id-PasswordBasedMac``."""

SHORT_NAMES: Final[Mapping[str, str]] = MappingProxyType(_short_names)
"""Descriptors for strings after RFC 4514, for those attribute types that have one: ``2.5.4.3`` -> ``CN``."""


def name(oid: str) -> str | None:
    """The RFC's own name of `oid` (dotted decimal text), None if it is not known here."""
    return _names.get(oid)


def short_name(oid: str) -> str | None:
    """The descriptor that RFC 4514 strings use for the attribute type `oid`, None if it has none."""
    return _short_names.get(oid)


def _oid(dotted: str, rfc_name: str, short: str | None = None) -> ObjectIdentifier:
    assert dotted not in _names, dotted
    _names[dotted] = rfc_name
    if short is not None:
        _short_names[dotted] = short
    return ObjectIdentifier(dotted)


# Attribute types of distinguished names: RFC 5280 appendix A.1, RFC 4519, RFC 2985.
COMMON_NAME = _oid("2.5.4.3", "commonName", "CN")
SURNAME = _oid("2.5.4.4", "surname", "SN")
SERIAL_NUMBER = _oid("2.5.4.5", "serialNumber", "serialNumber")
COUNTRY_NAME = _oid("2.5.4.6", "countryName", "C")
LOCALITY_NAME = _oid("2.5.4.7", "localityName", "L")
STATE_OR_PROVINCE_NAME = _oid("2.5.4.8", "stateOrProvinceName", "ST")
STREET_ADDRESS = _oid("2.5.4.9", "streetAddress", "STREET")
ORGANIZATION_NAME = _oid("2.5.4.10", "organizationName", "O")
ORGANIZATIONAL_UNIT_NAME = _oid("2.5.4.11", "organizationalUnitName", "OU")
TITLE = _oid("2.5.4.12", "title", "title")
DESCRIPTION = _oid("2.5.4.13", "description", "description")
BUSINESS_CATEGORY = _oid("2.5.4.15", "businessCategory", "businessCategory")
POSTAL_ADDRESS = _oid("2.5.4.16", "postalAddress")
POSTAL_CODE = _oid("2.5.4.17", "postalCode", "postalCode")
TELEPHONE_NUMBER = _oid("2.5.4.20", "telephoneNumber", "telephoneNumber")
NAME = _oid("2.5.4.41", "name", "name")
GIVEN_NAME = _oid("2.5.4.42", "givenName", "givenName")
INITIALS = _oid("2.5.4.43", "initials", "initials")
GENERATION_QUALIFIER = _oid("2.5.4.44", "generationQualifier", "generationQualifier")
X500_UNIQUE_IDENTIFIER = _oid("2.5.4.45", "x500UniqueIdentifier")
DN_QUALIFIER = _oid("2.5.4.46", "dnQualifier", "dnQualifier")
PSEUDONYM = _oid("2.5.4.65", "pseudonym", "pseudonym")
ORGANIZATION_IDENTIFIER = _oid("2.5.4.97", "organizationIdentifier", "organizationIdentifier")
USER_ID = _oid("0.9.2342.19200300.100.1.1", "userId", "UID")
DOMAIN_COMPONENT = _oid("0.9.2342.19200300.100.1.25", "domainComponent", "DC")
EMAIL_ADDRESS = _oid("1.2.840.113549.1.9.1", "emailAddress", "emailAddress")
UNSTRUCTURED_NAME = _oid("1.2.840.113549.1.9.2", "unstructuredName")
UNSTRUCTURED_ADDRESS = _oid("1.2.840.113549.1.9.8", "unstructuredAddress")

# Attributes of certification requests, keys and signatures: RFC 2985, RFC 5652, RFC 6211.
ID_CONTENT_TYPE = _oid("1.2.840.113549.1.9.3", "id-contentType")
ID_MESSAGE_DIGEST = _oid("1.2.840.113549.1.9.4", "id-messageDigest")
ID_SIGNING_TIME = _oid("1.2.840.113549.1.9.5", "id-signingTime")
ID_COUNTERSIGNATURE = _oid("1.2.840.113549.1.9.6", "id-countersignature")
CHALLENGE_PASSWORD = _oid("1.2.840.113549.1.9.7", "challengePassword")
EXTENSION_REQUEST = _oid("1.2.840.113549.1.9.14", "extensionRequest")
SMIME_CAPABILITIES = _oid("1.2.840.113549.1.9.15", "smimeCapabilities")
FRIENDLY_NAME = _oid("1.2.840.113549.1.9.20", "friendlyName")
LOCAL_KEY_ID = _oid("1.2.840.113549.1.9.21", "localKeyId")
ID_AA_CMS_ALGORITHM_PROTECT = _oid("1.2.840.113549.1.9.52", "id-aa-cmsAlgorithmProtect")

# Certificate and CRL extensions: RFC 5280, RFC 6960, RFC 7633.
ID_CE_SUBJECT_DIRECTORY_ATTRIBUTES = _oid("2.5.29.9", "id-ce-subjectDirectoryAttributes")
ID_CE_SUBJECT_KEY_IDENTIFIER = _oid("2.5.29.14", "id-ce-subjectKeyIdentifier")
ID_CE_KEY_USAGE = _oid("2.5.29.15", "id-ce-keyUsage")
ID_CE_PRIVATE_KEY_USAGE_PERIOD = _oid("2.5.29.16", "id-ce-privateKeyUsagePeriod")
ID_CE_SUBJECT_ALT_NAME = _oid("2.5.29.17", "id-ce-subjectAltName")
ID_CE_ISSUER_ALT_NAME = _oid("2.5.29.18", "id-ce-issuerAltName")
ID_CE_BASIC_CONSTRAINTS = _oid("2.5.29.19", "id-ce-basicConstraints")
ID_CE_CRL_NUMBER = _oid("2.5.29.20", "id-ce-cRLNumber")
ID_CE_CRL_REASONS = _oid("2.5.29.21", "id-ce-cRLReasons")
ID_CE_HOLD_INSTRUCTION_CODE = _oid("2.5.29.23", "id-ce-holdInstructionCode")
ID_CE_INVALIDITY_DATE = _oid("2.5.29.24", "id-ce-invalidityDate")
ID_CE_DELTA_CRL_INDICATOR = _oid("2.5.29.27", "id-ce-deltaCRLIndicator")
ID_CE_ISSUING_DISTRIBUTION_POINT = _oid("2.5.29.28", "id-ce-issuingDistributionPoint")
ID_CE_CERTIFICATE_ISSUER = _oid("2.5.29.29", "id-ce-certificateIssuer")
ID_CE_NAME_CONSTRAINTS = _oid("2.5.29.30", "id-ce-nameConstraints")
ID_CE_CRL_DISTRIBUTION_POINTS = _oid("2.5.29.31", "id-ce-cRLDistributionPoints")
ID_CE_CERTIFICATE_POLICIES = _oid("2.5.29.32", "id-ce-certificatePolicies")
ANY_POLICY = _oid("2.5.29.32.0", "anyPolicy")
ID_CE_POLICY_MAPPINGS = _oid("2.5.29.33", "id-ce-policyMappings")
ID_CE_AUTHORITY_KEY_IDENTIFIER = _oid("2.5.29.35", "id-ce-authorityKeyIdentifier")
ID_CE_POLICY_CONSTRAINTS = _oid("2.5.29.36", "id-ce-policyConstraints")
ID_CE_EXT_KEY_USAGE = _oid("2.5.29.37", "id-ce-extKeyUsage")
ID_CE_FRESHEST_CRL = _oid("2.5.29.46", "id-ce-freshestCRL")
ID_CE_INHIBIT_ANY_POLICY = _oid("2.5.29.54", "id-ce-inhibitAnyPolicy")
ID_PE_AUTHORITY_INFO_ACCESS = _oid("1.3.6.1.5.5.7.1.1", "id-pe-authorityInfoAccess")
ID_PE_SUBJECT_INFO_ACCESS = _oid("1.3.6.1.5.5.7.1.11", "id-pe-subjectInfoAccess")
ID_PE_TLSFEATURE = _oid("1.3.6.1.5.5.7.1.24", "id-pe-tlsfeature")
ID_PKIX_OCSP_NOCHECK = _oid("1.3.6.1.5.5.7.48.1.5", "id-pkix-ocsp-nocheck")
ID_AD_OCSP = _oid("1.3.6.1.5.5.7.48.1", "id-ad-ocsp")
ID_AD_CA_ISSUERS = _oid("1.3.6.1.5.5.7.48.2", "id-ad-caIssuers")
ID_AD_TIME_STAMPING = _oid("1.3.6.1.5.5.7.48.3", "id-ad-timeStamping")
ID_AD_CA_REPOSITORY = _oid("1.3.6.1.5.5.7.48.5", "id-ad-caRepository")

# Extended key usages: RFC 5280, RFC 6402, RFC 9810.
ANY_EXTENDED_KEY_USAGE = _oid("2.5.29.37.0", "anyExtendedKeyUsage")
ID_KP_SERVER_AUTH = _oid("1.3.6.1.5.5.7.3.1", "id-kp-serverAuth")
ID_KP_CLIENT_AUTH = _oid("1.3.6.1.5.5.7.3.2", "id-kp-clientAuth")
ID_KP_CODE_SIGNING = _oid("1.3.6.1.5.5.7.3.3", "id-kp-codeSigning")
ID_KP_EMAIL_PROTECTION = _oid("1.3.6.1.5.5.7.3.4", "id-kp-emailProtection")
ID_KP_TIME_STAMPING = _oid("1.3.6.1.5.5.7.3.8", "id-kp-timeStamping")
ID_KP_OCSP_SIGNING = _oid("1.3.6.1.5.5.7.3.9", "id-kp-OCSPSigning")
ID_KP_IPSEC_IKE = _oid("1.3.6.1.5.5.7.3.17", "id-kp-ipsecIKE")
ID_KP_CMC_CA = _oid("1.3.6.1.5.5.7.3.27", "id-kp-cmcCA")
ID_KP_CMC_RA = _oid("1.3.6.1.5.5.7.3.28", "id-kp-cmcRA")
ID_KP_CMC_ARCHIVE = _oid("1.3.6.1.5.5.7.3.29", "id-kp-cmcArchive")
ID_KP_CM_KGA = _oid("1.3.6.1.5.5.7.3.32", "id-kp-cmKGA")

# Forms of otherName in a GeneralName: RFC 4108, RFC 4043, RFC 6120, RFC 9598, Microsoft.
ID_ON_PERMANENT_IDENTIFIER = _oid("1.3.6.1.5.5.7.8.3", "id-on-permanentIdentifier")
ID_ON_HARDWARE_MODULE_NAME = _oid("1.3.6.1.5.5.7.8.4", "id-on-hardwareModuleName")
ID_ON_XMPP_ADDR = _oid("1.3.6.1.5.5.7.8.5", "id-on-xmppAddr")
ID_ON_SMTP_UTF8_MAILBOX = _oid("1.3.6.1.5.5.7.8.9", "id-on-SmtpUTF8Mailbox")
USER_PRINCIPAL_NAME = _oid("1.3.6.1.4.1.311.20.2.3", "userPrincipalName")

# Information types of generalInfo, genm and genp: RFC 9810, 5.1.1 and 5.3.19.
# Numbers 8 and 9 are obsolete, from a draft of RFC 4210.
ID_IT_CA_PROT_ENC_CERT = _oid("1.3.6.1.5.5.7.4.1", "id-it-caProtEncCert")
ID_IT_SIGN_KEY_PAIR_TYPES = _oid("1.3.6.1.5.5.7.4.2", "id-it-signKeyPairTypes")
ID_IT_ENC_KEY_PAIR_TYPES = _oid("1.3.6.1.5.5.7.4.3", "id-it-encKeyPairTypes")
ID_IT_PREFERRED_SYMM_ALG = _oid("1.3.6.1.5.5.7.4.4", "id-it-preferredSymmAlg")
ID_IT_CA_KEY_UPDATE_INFO = _oid("1.3.6.1.5.5.7.4.5", "id-it-caKeyUpdateInfo")
ID_IT_CURRENT_CRL = _oid("1.3.6.1.5.5.7.4.6", "id-it-currentCRL")
ID_IT_UNSUPPORTED_OIDS = _oid("1.3.6.1.5.5.7.4.7", "id-it-unsupportedOIDs")
ID_IT_SUBSCRIPTION_REQUEST = _oid("1.3.6.1.5.5.7.4.8", "id-it-subscriptionRequest")
ID_IT_SUBSCRIPTION_RESPONSE = _oid("1.3.6.1.5.5.7.4.9", "id-it-subscriptionResponse")
ID_IT_KEY_PAIR_PARAM_REQ = _oid("1.3.6.1.5.5.7.4.10", "id-it-keyPairParamReq")
ID_IT_KEY_PAIR_PARAM_REP = _oid("1.3.6.1.5.5.7.4.11", "id-it-keyPairParamRep")
ID_IT_REV_PASSPHRASE = _oid("1.3.6.1.5.5.7.4.12", "id-it-revPassphrase")
ID_IT_IMPLICIT_CONFIRM = _oid("1.3.6.1.5.5.7.4.13", "id-it-implicitConfirm")
ID_IT_CONFIRM_WAIT_TIME = _oid("1.3.6.1.5.5.7.4.14", "id-it-confirmWaitTime")
ID_IT_ORIG_PKI_MESSAGE = _oid("1.3.6.1.5.5.7.4.15", "id-it-origPKIMessage")
ID_IT_SUPP_LANG_TAGS = _oid("1.3.6.1.5.5.7.4.16", "id-it-suppLangTags")
ID_IT_CA_CERTS = _oid("1.3.6.1.5.5.7.4.17", "id-it-caCerts")
ID_IT_ROOT_CA_KEY_UPDATE = _oid("1.3.6.1.5.5.7.4.18", "id-it-rootCaKeyUpdate")
ID_IT_CERT_REQ_TEMPLATE = _oid("1.3.6.1.5.5.7.4.19", "id-it-certReqTemplate")
ID_IT_ROOT_CA_CERT = _oid("1.3.6.1.5.5.7.4.20", "id-it-rootCaCert")
ID_IT_CERT_PROFILE = _oid("1.3.6.1.5.5.7.4.21", "id-it-certProfile")
ID_IT_CRL_STATUS_LIST = _oid("1.3.6.1.5.5.7.4.22", "id-it-crlStatusList")
ID_IT_CRLS = _oid("1.3.6.1.5.5.7.4.23", "id-it-crls")
ID_IT_KEM_CIPHERTEXT_INFO = _oid("1.3.6.1.5.5.7.4.24", "id-it-KemCiphertextInfo")

# Controls and regInfo of a certificate request: RFC 4211, sections 6 and 7; RFC 9810 added 7, 11 and 12.
ID_REG_CTRL_REG_TOKEN = _oid("1.3.6.1.5.5.7.5.1.1", "id-regCtrl-regToken")
ID_REG_CTRL_AUTHENTICATOR = _oid("1.3.6.1.5.5.7.5.1.2", "id-regCtrl-authenticator")
ID_REG_CTRL_PKI_PUBLICATION_INFO = _oid("1.3.6.1.5.5.7.5.1.3", "id-regCtrl-pkiPublicationInfo")
ID_REG_CTRL_PKI_ARCHIVE_OPTIONS = _oid("1.3.6.1.5.5.7.5.1.4", "id-regCtrl-pkiArchiveOptions")
ID_REG_CTRL_OLD_CERT_ID = _oid("1.3.6.1.5.5.7.5.1.5", "id-regCtrl-oldCertID")
ID_REG_CTRL_PROTOCOL_ENCR_KEY = _oid("1.3.6.1.5.5.7.5.1.6", "id-regCtrl-protocolEncrKey")
ID_REG_CTRL_ALT_CERT_TEMPLATE = _oid("1.3.6.1.5.5.7.5.1.7", "id-regCtrl-altCertTemplate")
ID_REG_CTRL_ALG_ID = _oid("1.3.6.1.5.5.7.5.1.11", "id-regCtrl-algId")
ID_REG_CTRL_RSA_KEY_LEN = _oid("1.3.6.1.5.5.7.5.1.12", "id-regCtrl-rsaKeyLen")
ID_REG_INFO_UTF8_PAIRS = _oid("1.3.6.1.5.5.7.5.2.1", "id-regInfo-utf8Pairs")
ID_REG_INFO_CERT_REQ = _oid("1.3.6.1.5.5.7.5.2.2", "id-regInfo-certReq")

# CMS content types and other recipients: RFC 5652, RFC 4211, RFC 5083, RFC 5958, RFC 9629.
ID_DATA = _oid("1.2.840.113549.1.7.1", "id-data")
ID_SIGNED_DATA = _oid("1.2.840.113549.1.7.2", "id-signedData")
ID_ENVELOPED_DATA = _oid("1.2.840.113549.1.7.3", "id-envelopedData")
ID_DIGESTED_DATA = _oid("1.2.840.113549.1.7.5", "id-digestedData")
ID_ENCRYPTED_DATA = _oid("1.2.840.113549.1.7.6", "id-encryptedData")
ID_CT_AUTH_DATA = _oid("1.2.840.113549.1.9.16.1.2", "id-ct-authData")
ID_CT_CONTENT_INFO = _oid("1.2.840.113549.1.9.16.1.6", "id-ct-contentInfo")
ID_CT_ENC_KEY_WITH_ID = _oid("1.2.840.113549.1.9.16.1.21", "id-ct-encKeyWithID")
ID_CT_AUTH_ENVELOPED_DATA = _oid("1.2.840.113549.1.9.16.1.23", "id-ct-authEnvelopedData")
ID_CT_KP_A_KEY_PACKAGE = _oid("2.16.840.1.101.2.1.2.78.5", "id-ct-KP-aKeyPackage")
ID_ORI_KEM = _oid("1.2.840.113549.1.9.16.13.3", "id-ori-kem")

# MACs of CMP: RFC 9810, 5.1.3; RFC 8018; RFC 9044; RFC 8702.
# HMAC-SHA1 has two identifiers and peers send both: that of RFC 3370 (OpenSSL's default), that of RFC 8018.
ID_PASSWORD_BASED_MAC = _oid("1.2.840.113533.7.66.13", "id-PasswordBasedMac")
ID_DH_BASED_MAC = _oid("1.2.840.113533.7.66.30", "id-DHBasedMac")
ID_KEM_BASED_MAC = _oid("1.2.840.113533.7.66.16", "id-KemBasedMac")
ID_PBMAC1 = _oid("1.2.840.113549.1.5.14", "id-PBMAC1")
HMAC_MD5_IPSEC = _oid("1.3.6.1.5.5.8.1.1", "hMAC-MD5")
HMAC_SHA1_IPSEC = _oid("1.3.6.1.5.5.8.1.2", "hMAC-SHA1")
HMAC_WITH_SHA1 = _oid("1.2.840.113549.2.7", "id-hmacWithSHA1")
HMAC_WITH_SHA224 = _oid("1.2.840.113549.2.8", "id-hmacWithSHA224")
HMAC_WITH_SHA256 = _oid("1.2.840.113549.2.9", "id-hmacWithSHA256")
HMAC_WITH_SHA384 = _oid("1.2.840.113549.2.10", "id-hmacWithSHA384")
HMAC_WITH_SHA512 = _oid("1.2.840.113549.2.11", "id-hmacWithSHA512")
HMAC_WITH_SHA512_224 = _oid("1.2.840.113549.2.12", "id-hmacWithSHA512-224")
HMAC_WITH_SHA512_256 = _oid("1.2.840.113549.2.13", "id-hmacWithSHA512-256")
HMAC_WITH_SHA3_224 = _oid("2.16.840.1.101.3.4.2.13", "id-hmacWithSHA3-224")
HMAC_WITH_SHA3_256 = _oid("2.16.840.1.101.3.4.2.14", "id-hmacWithSHA3-256")
HMAC_WITH_SHA3_384 = _oid("2.16.840.1.101.3.4.2.15", "id-hmacWithSHA3-384")
HMAC_WITH_SHA3_512 = _oid("2.16.840.1.101.3.4.2.16", "id-hmacWithSHA3-512")
ID_AES128_GMAC = _oid("2.16.840.1.101.3.4.1.9", "id-aes128-GMAC")
ID_AES192_GMAC = _oid("2.16.840.1.101.3.4.1.29", "id-aes192-GMAC")
ID_AES256_GMAC = _oid("2.16.840.1.101.3.4.1.49", "id-aes256-GMAC")
ID_KMAC_WITH_SHAKE128 = _oid("2.16.840.1.101.3.4.2.19", "id-KMACWithSHAKE128")
ID_KMAC_WITH_SHAKE256 = _oid("2.16.840.1.101.3.4.2.20", "id-KMACWithSHAKE256")

# Hash functions: RFC 9481, section 2; RFC 9688; older ones that peers still send.
MD5 = _oid("1.2.840.113549.2.5", "md5")
SHA1 = _oid("1.3.14.3.2.26", "id-sha1")
SHA224 = _oid("2.16.840.1.101.3.4.2.4", "id-sha224")
SHA256 = _oid("2.16.840.1.101.3.4.2.1", "id-sha256")
SHA384 = _oid("2.16.840.1.101.3.4.2.2", "id-sha384")
SHA512 = _oid("2.16.840.1.101.3.4.2.3", "id-sha512")
SHA512_224 = _oid("2.16.840.1.101.3.4.2.5", "id-sha512-224")
SHA512_256 = _oid("2.16.840.1.101.3.4.2.6", "id-sha512-256")
SHA3_224 = _oid("2.16.840.1.101.3.4.2.7", "id-sha3-224")
SHA3_256 = _oid("2.16.840.1.101.3.4.2.8", "id-sha3-256")
SHA3_384 = _oid("2.16.840.1.101.3.4.2.9", "id-sha3-384")
SHA3_512 = _oid("2.16.840.1.101.3.4.2.10", "id-sha3-512")
SHAKE128 = _oid("2.16.840.1.101.3.4.2.11", "id-shake128")
SHAKE256 = _oid("2.16.840.1.101.3.4.2.12", "id-shake256")

# Signatures, RSA: RFC 4055, RFC 8692, RFC 9688.
RSA_ENCRYPTION = _oid("1.2.840.113549.1.1.1", "rsaEncryption")
MD5_WITH_RSA_ENCRYPTION = _oid("1.2.840.113549.1.1.4", "md5WithRSAEncryption")
SHA1_WITH_RSA_ENCRYPTION = _oid("1.2.840.113549.1.1.5", "sha1WithRSAEncryption")
ID_RSAES_OAEP = _oid("1.2.840.113549.1.1.7", "id-RSAES-OAEP")
ID_MGF1 = _oid("1.2.840.113549.1.1.8", "id-mgf1")
ID_P_SPECIFIED = _oid("1.2.840.113549.1.1.9", "id-pSpecified")
ID_RSASSA_PSS = _oid("1.2.840.113549.1.1.10", "id-RSASSA-PSS")
SHA256_WITH_RSA_ENCRYPTION = _oid("1.2.840.113549.1.1.11", "sha256WithRSAEncryption")
SHA384_WITH_RSA_ENCRYPTION = _oid("1.2.840.113549.1.1.12", "sha384WithRSAEncryption")
SHA512_WITH_RSA_ENCRYPTION = _oid("1.2.840.113549.1.1.13", "sha512WithRSAEncryption")
SHA224_WITH_RSA_ENCRYPTION = _oid("1.2.840.113549.1.1.14", "sha224WithRSAEncryption")
ID_RSASSA_PKCS1_V1_5_WITH_SHA3_224 = _oid("2.16.840.1.101.3.4.3.13", "id-rsassa-pkcs1-v1-5-with-sha3-224")
ID_RSASSA_PKCS1_V1_5_WITH_SHA3_256 = _oid("2.16.840.1.101.3.4.3.14", "id-rsassa-pkcs1-v1-5-with-sha3-256")
ID_RSASSA_PKCS1_V1_5_WITH_SHA3_384 = _oid("2.16.840.1.101.3.4.3.15", "id-rsassa-pkcs1-v1-5-with-sha3-384")
ID_RSASSA_PKCS1_V1_5_WITH_SHA3_512 = _oid("2.16.840.1.101.3.4.3.16", "id-rsassa-pkcs1-v1-5-with-sha3-512")
ID_RSASSA_PSS_SHAKE128 = _oid("1.3.6.1.5.5.7.6.30", "id-RSASSA-PSS-SHAKE128")
ID_RSASSA_PSS_SHAKE256 = _oid("1.3.6.1.5.5.7.6.31", "id-RSASSA-PSS-SHAKE256")

# Signatures, DSA and elliptic curves: RFC 5480, RFC 5758, RFC 8410, RFC 8692, RFC 9688.
ID_DSA = _oid("1.2.840.10040.4.1", "id-dsa")
ID_DSA_WITH_SHA1 = _oid("1.2.840.10040.4.3", "id-dsa-with-sha1")
ID_DSA_WITH_SHA224 = _oid("2.16.840.1.101.3.4.3.1", "id-dsa-with-sha224")
ID_DSA_WITH_SHA256 = _oid("2.16.840.1.101.3.4.3.2", "id-dsa-with-sha256")
ID_EC_PUBLIC_KEY = _oid("1.2.840.10045.2.1", "id-ecPublicKey")
ECDSA_WITH_SHA1 = _oid("1.2.840.10045.4.1", "ecdsa-with-SHA1")
ECDSA_WITH_SHA224 = _oid("1.2.840.10045.4.3.1", "ecdsa-with-SHA224")
ECDSA_WITH_SHA256 = _oid("1.2.840.10045.4.3.2", "ecdsa-with-SHA256")
ECDSA_WITH_SHA384 = _oid("1.2.840.10045.4.3.3", "ecdsa-with-SHA384")
ECDSA_WITH_SHA512 = _oid("1.2.840.10045.4.3.4", "ecdsa-with-SHA512")
ID_ECDSA_WITH_SHA3_224 = _oid("2.16.840.1.101.3.4.3.9", "id-ecdsa-with-sha3-224")
ID_ECDSA_WITH_SHA3_256 = _oid("2.16.840.1.101.3.4.3.10", "id-ecdsa-with-sha3-256")
ID_ECDSA_WITH_SHA3_384 = _oid("2.16.840.1.101.3.4.3.11", "id-ecdsa-with-sha3-384")
ID_ECDSA_WITH_SHA3_512 = _oid("2.16.840.1.101.3.4.3.12", "id-ecdsa-with-sha3-512")
ID_ECDSA_WITH_SHAKE128 = _oid("1.3.6.1.5.5.7.6.32", "id-ecdsa-with-shake128")
ID_ECDSA_WITH_SHAKE256 = _oid("1.3.6.1.5.5.7.6.33", "id-ecdsa-with-shake256")
ID_ED25519 = _oid("1.3.101.112", "id-Ed25519")
ID_ED448 = _oid("1.3.101.113", "id-Ed448")
ID_ALG_NO_SIGNATURE = _oid("1.3.6.1.5.5.7.6.2", "id-alg-noSignature")

# Signatures and key encapsulation, post-quantum: RFC 9881, RFC 9909, RFC 9935, RFC 9690.
ID_ML_DSA_44 = _oid("2.16.840.1.101.3.4.3.17", "id-ml-dsa-44")
ID_ML_DSA_65 = _oid("2.16.840.1.101.3.4.3.18", "id-ml-dsa-65")
ID_ML_DSA_87 = _oid("2.16.840.1.101.3.4.3.19", "id-ml-dsa-87")
ID_SLH_DSA_SHA2_128S = _oid("2.16.840.1.101.3.4.3.20", "id-slh-dsa-sha2-128s")
ID_SLH_DSA_SHA2_128F = _oid("2.16.840.1.101.3.4.3.21", "id-slh-dsa-sha2-128f")
ID_SLH_DSA_SHA2_192S = _oid("2.16.840.1.101.3.4.3.22", "id-slh-dsa-sha2-192s")
ID_SLH_DSA_SHA2_192F = _oid("2.16.840.1.101.3.4.3.23", "id-slh-dsa-sha2-192f")
ID_SLH_DSA_SHA2_256S = _oid("2.16.840.1.101.3.4.3.24", "id-slh-dsa-sha2-256s")
ID_SLH_DSA_SHA2_256F = _oid("2.16.840.1.101.3.4.3.25", "id-slh-dsa-sha2-256f")
ID_SLH_DSA_SHAKE_128S = _oid("2.16.840.1.101.3.4.3.26", "id-slh-dsa-shake-128s")
ID_SLH_DSA_SHAKE_128F = _oid("2.16.840.1.101.3.4.3.27", "id-slh-dsa-shake-128f")
ID_SLH_DSA_SHAKE_192S = _oid("2.16.840.1.101.3.4.3.28", "id-slh-dsa-shake-192s")
ID_SLH_DSA_SHAKE_192F = _oid("2.16.840.1.101.3.4.3.29", "id-slh-dsa-shake-192f")
ID_SLH_DSA_SHAKE_256S = _oid("2.16.840.1.101.3.4.3.30", "id-slh-dsa-shake-256s")
ID_SLH_DSA_SHAKE_256F = _oid("2.16.840.1.101.3.4.3.31", "id-slh-dsa-shake-256f")
ID_ALG_ML_KEM_512 = _oid("2.16.840.1.101.3.4.4.1", "id-alg-ml-kem-512")
ID_ALG_ML_KEM_768 = _oid("2.16.840.1.101.3.4.4.2", "id-alg-ml-kem-768")
ID_ALG_ML_KEM_1024 = _oid("2.16.840.1.101.3.4.4.3", "id-alg-ml-kem-1024")
ID_RSA_KEM = _oid("1.2.840.113549.1.9.16.3.14", "id-rsa-kem")
ID_KEM_RSA = _oid("1.0.18033.2.2.4", "id-kem-rsa")

# Curves: RFC 5480, RFC 5639.
SECP192R1 = _oid("1.2.840.10045.3.1.1", "secp192r1")
SECP224R1 = _oid("1.3.132.0.33", "secp224r1")
SECP256R1 = _oid("1.2.840.10045.3.1.7", "secp256r1")
SECP256K1 = _oid("1.3.132.0.10", "secp256k1")
SECP384R1 = _oid("1.3.132.0.34", "secp384r1")
SECP521R1 = _oid("1.3.132.0.35", "secp521r1")
SECT233K1 = _oid("1.3.132.0.26", "sect233k1")
SECT233R1 = _oid("1.3.132.0.27", "sect233r1")
SECT283K1 = _oid("1.3.132.0.16", "sect283k1")
SECT283R1 = _oid("1.3.132.0.17", "sect283r1")
SECT409K1 = _oid("1.3.132.0.36", "sect409k1")
SECT409R1 = _oid("1.3.132.0.37", "sect409r1")
SECT571K1 = _oid("1.3.132.0.38", "sect571k1")
SECT571R1 = _oid("1.3.132.0.39", "sect571r1")
BRAINPOOL_P256R1 = _oid("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1")
BRAINPOOL_P320R1 = _oid("1.3.36.3.3.2.8.1.1.9", "brainpoolP320r1")
BRAINPOOL_P384R1 = _oid("1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1")
BRAINPOOL_P512R1 = _oid("1.3.36.3.3.2.8.1.1.13", "brainpoolP512r1")

# Key agreement: RFC 3370, RFC 5480, RFC 5753, RFC 8410, RFC 8418.
DHPUBLICNUMBER = _oid("1.2.840.10046.2.1", "dhpublicnumber")
ID_ALG_ESDH = _oid("1.2.840.113549.1.9.16.3.5", "id-alg-ESDH")
ID_ALG_SSDH = _oid("1.2.840.113549.1.9.16.3.10", "id-alg-SSDH")
ID_EC_DH = _oid("1.3.132.1.12", "id-ecDH")
ID_EC_MQV = _oid("1.3.132.1.13", "id-ecMQV")
DH_SINGLE_PASS_STD_DH_SHA1KDF_SCHEME = _oid("1.3.133.16.840.63.0.2", "dhSinglePass-stdDH-sha1kdf-scheme")
DH_SINGLE_PASS_STD_DH_SHA224KDF_SCHEME = _oid("1.3.132.1.11.0", "dhSinglePass-stdDH-sha224kdf-scheme")
DH_SINGLE_PASS_STD_DH_SHA256KDF_SCHEME = _oid("1.3.132.1.11.1", "dhSinglePass-stdDH-sha256kdf-scheme")
DH_SINGLE_PASS_STD_DH_SHA384KDF_SCHEME = _oid("1.3.132.1.11.2", "dhSinglePass-stdDH-sha384kdf-scheme")
DH_SINGLE_PASS_STD_DH_SHA512KDF_SCHEME = _oid("1.3.132.1.11.3", "dhSinglePass-stdDH-sha512kdf-scheme")
DH_SINGLE_PASS_COFACTOR_DH_SHA1KDF_SCHEME = _oid(
    "1.3.133.16.840.63.0.3", "dhSinglePass-cofactorDH-sha1kdf-scheme"
)
DH_SINGLE_PASS_COFACTOR_DH_SHA224KDF_SCHEME = _oid(
    "1.3.132.1.14.0", "dhSinglePass-cofactorDH-sha224kdf-scheme"
)
DH_SINGLE_PASS_COFACTOR_DH_SHA256KDF_SCHEME = _oid(
    "1.3.132.1.14.1", "dhSinglePass-cofactorDH-sha256kdf-scheme"
)
DH_SINGLE_PASS_COFACTOR_DH_SHA384KDF_SCHEME = _oid(
    "1.3.132.1.14.2", "dhSinglePass-cofactorDH-sha384kdf-scheme"
)
DH_SINGLE_PASS_COFACTOR_DH_SHA512KDF_SCHEME = _oid(
    "1.3.132.1.14.3", "dhSinglePass-cofactorDH-sha512kdf-scheme"
)
MQV_SINGLE_PASS_SHA1KDF_SCHEME = _oid("1.3.133.16.840.63.0.16", "mqvSinglePass-sha1kdf-scheme")
MQV_SINGLE_PASS_SHA224KDF_SCHEME = _oid("1.3.132.1.15.0", "mqvSinglePass-sha224kdf-scheme")
MQV_SINGLE_PASS_SHA256KDF_SCHEME = _oid("1.3.132.1.15.1", "mqvSinglePass-sha256kdf-scheme")
MQV_SINGLE_PASS_SHA384KDF_SCHEME = _oid("1.3.132.1.15.2", "mqvSinglePass-sha384kdf-scheme")
MQV_SINGLE_PASS_SHA512KDF_SCHEME = _oid("1.3.132.1.15.3", "mqvSinglePass-sha512kdf-scheme")
DH_SINGLE_PASS_STD_DH_HKDF_SHA256_SCHEME = _oid(
    "1.2.840.113549.1.9.16.3.19", "dhSinglePass-stdDH-hkdf-sha256-scheme"
)
DH_SINGLE_PASS_STD_DH_HKDF_SHA384_SCHEME = _oid(
    "1.2.840.113549.1.9.16.3.20", "dhSinglePass-stdDH-hkdf-sha384-scheme"
)
DH_SINGLE_PASS_STD_DH_HKDF_SHA512_SCHEME = _oid(
    "1.2.840.113549.1.9.16.3.21", "dhSinglePass-stdDH-hkdf-sha512-scheme"
)
ID_X25519 = _oid("1.3.101.110", "id-X25519")
ID_X448 = _oid("1.3.101.111", "id-X448")

# Key derivation: RFC 8018, RFC 8619, RFC 9690, RFC 9688.
ID_PBKDF2 = _oid("1.2.840.113549.1.5.12", "id-PBKDF2")
ID_PBES2 = _oid("1.2.840.113549.1.5.13", "id-PBES2")
ID_ALG_HKDF_WITH_SHA256 = _oid("1.2.840.113549.1.9.16.3.28", "id-alg-hkdf-with-sha256")
ID_ALG_HKDF_WITH_SHA384 = _oid("1.2.840.113549.1.9.16.3.29", "id-alg-hkdf-with-sha384")
ID_ALG_HKDF_WITH_SHA512 = _oid("1.2.840.113549.1.9.16.3.30", "id-alg-hkdf-with-sha512")
ID_ALG_HKDF_WITH_SHA3_224 = _oid("1.2.840.113549.1.9.16.3.32", "id-alg-hkdf-with-sha3-224")
ID_ALG_HKDF_WITH_SHA3_256 = _oid("1.2.840.113549.1.9.16.3.33", "id-alg-hkdf-with-sha3-256")
ID_ALG_HKDF_WITH_SHA3_384 = _oid("1.2.840.113549.1.9.16.3.34", "id-alg-hkdf-with-sha3-384")
ID_ALG_HKDF_WITH_SHA3_512 = _oid("1.2.840.113549.1.9.16.3.35", "id-alg-hkdf-with-sha3-512")
ID_KDF_KDF2 = _oid("1.3.133.16.840.9.44.1.1", "id-kdf-kdf2")
ID_KDF_KDF3 = _oid("1.3.133.16.840.9.44.1.2", "id-kdf-kdf3")
ID_KMAC128 = _oid("2.16.840.1.101.3.4.2.21", "id-kmac128")
ID_KMAC256 = _oid("2.16.840.1.101.3.4.2.22", "id-kmac256")

# Key wrap: RFC 3565, RFC 5649, RFC 3370, RFC 3211.
ID_AES128_WRAP = _oid("2.16.840.1.101.3.4.1.5", "id-aes128-wrap")
ID_AES192_WRAP = _oid("2.16.840.1.101.3.4.1.25", "id-aes192-wrap")
ID_AES256_WRAP = _oid("2.16.840.1.101.3.4.1.45", "id-aes256-wrap")
ID_AES128_WRAP_PAD = _oid("2.16.840.1.101.3.4.1.8", "id-aes128-wrap-pad")
ID_AES192_WRAP_PAD = _oid("2.16.840.1.101.3.4.1.28", "id-aes192-wrap-pad")
ID_AES256_WRAP_PAD = _oid("2.16.840.1.101.3.4.1.48", "id-aes256-wrap-pad")
ID_ALG_CMS3DES_WRAP = _oid("1.2.840.113549.1.9.16.3.6", "id-alg-CMS3DESwrap")
ID_ALG_PWRI_KEK = _oid("1.2.840.113549.1.9.16.3.9", "id-alg-PWRI-KEK")

# Content encryption: RFC 3565, RFC 5084, RFC 8103, RFC 3370.
ID_AES128_CBC = _oid("2.16.840.1.101.3.4.1.2", "id-aes128-CBC")
ID_AES192_CBC = _oid("2.16.840.1.101.3.4.1.22", "id-aes192-CBC")
ID_AES256_CBC = _oid("2.16.840.1.101.3.4.1.42", "id-aes256-CBC")
ID_AES128_GCM = _oid("2.16.840.1.101.3.4.1.6", "id-aes128-GCM")
ID_AES192_GCM = _oid("2.16.840.1.101.3.4.1.26", "id-aes192-GCM")
ID_AES256_GCM = _oid("2.16.840.1.101.3.4.1.46", "id-aes256-GCM")
ID_AES128_CCM = _oid("2.16.840.1.101.3.4.1.7", "id-aes128-CCM")
ID_AES192_CCM = _oid("2.16.840.1.101.3.4.1.27", "id-aes192-CCM")
ID_AES256_CCM = _oid("2.16.840.1.101.3.4.1.47", "id-aes256-CCM")
ID_ALG_AEAD_CHACHA20_POLY1305 = _oid("1.2.840.113549.1.9.16.3.18", "id-alg-AEADChaCha20Poly1305")
DES_EDE3_CBC = _oid("1.2.840.113549.3.7", "des-EDE3-CBC")
