"""Public keys that tokens are checked with, and the algorithm that is each one's own."""

from typing import Any

# Bits; shorter ones are no longer trusted (RFC 7518, section 3.3).
MIN_RSA = 2048


def load_public_key(pem: str) -> tuple[str, Any]:
    """Return the algorithm (RFC 7518; RFC 8037) of a public key in PEM, and the key.

    Raises ValueError, which says what is wrong and never what was given.
    """
    # It takes time, which services without such a key need not spend.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if "PRIVATE KEY" in pem:
        raise ValueError("This is a private key, which nobody but the signer shall have")
    try:
        key = load_pem_public_key(pem.replace("\\n", "\n").encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("Give a public key in PEM, `-----BEGIN PUBLIC KEY-----` and on") from None
    if isinstance(key, Ed25519PublicKey):
        return "EdDSA", key
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return "ES256", key
    if isinstance(key, RSAPublicKey) and key.key_size >= MIN_RSA:
        return "RS256", key
    raise ValueError(f"Give a key for ES256 (P-256), RS256 (at least {MIN_RSA} bits) or EdDSA")
