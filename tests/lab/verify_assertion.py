#!/usr/bin/env python3
"""Verifies an assertion of the gateway as a backend does: with PyJWT, without code of the gateway.

    verify_assertion.py JWKS --issuer TEXT --audience TEXT --host TEXT --method TEXT --path TEXT

JWKS is a file or an http:// URL. Reads the assertion from standard input. Prints its claims as JSON and exits with 0 if a
key of the set verifies it, and it is valid now and for this request; otherwise prints the reason and exits with 1. Exits
with 3 if PyJWT is not installed.
"""
import argparse
import json
import sys
import urllib.request

try:
    import jwt
except ImportError:
    print("PyJWT is not installed (on Debian: python3-jwt)", file=sys.stderr)
    sys.exit(3)

ALGORITHMS = ["ES256", "EdDSA", "RS256"]
REQUIRED = ["iss", "aud", "sub", "iat", "exp", "jti", "auth_time", "amr", "host", "method", "path"]
# The tolerated difference between the clocks of backend and gateway, in seconds.
LEEWAY = 5
MAXIMUM_LIFETIME = 300


class Refused(Exception):
    """The assertion is invalid for this request."""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("jwks")
    for name in ("issuer", "audience", "host", "method", "path"):
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    try:
        claims = verify(sys.stdin.read().strip(), keys(arguments.jwks), arguments)
    except (jwt.PyJWTError, Refused) as refusal:
        print(f"{type(refusal).__name__}: {refusal}", file=sys.stderr)
        sys.exit(1)
    json.dump(claims, sys.stdout)


def keys(place):
    """The algorithm and the key for each `kid`."""
    if place.startswith("http://"):
        with urllib.request.urlopen(place, timeout=10) as response:
            text = response.read()
    else:
        with open(place, "rb") as file:
            text = file.read()
    return {entry["kid"]: (entry["alg"], jwt.PyJWK(entry).key) for entry in json.loads(text)["keys"]}


def verify(token, known, request):
    """Returns the claims of `token`. The key specifies the algorithm, because the header of the token is not trustworthy."""
    kid = jwt.get_unverified_header(token).get("kid")
    if kid not in known:
        raise Refused(f"no published key has the id {kid}")
    algorithm, key = known[kid]
    if algorithm not in ALGORITHMS:
        raise Refused(f"{algorithm} is not accepted")
    claims = jwt.decode(
        token,
        key,
        algorithms=[algorithm],
        audience=request.audience,
        issuer=request.issuer,
        leeway=LEEWAY,
        options={"require": REQUIRED},
    )
    for name in ("host", "method", "path"):
        if claims[name] != getattr(request, name):
            raise Refused(f"the assertion is for the {name} {claims[name]}")
    if claims["exp"] - claims["iat"] > MAXIMUM_LIFETIME:
        raise Refused("the lifetime of the assertion is too long")
    return claims


if __name__ == "__main__":
    main()
