#!/usr/bin/env python3
"""Believes an assertion of the gate or does not, as a backend would: with PyJWT and nothing of the gate's own.

    verify_assertion.py JWKS --issuer TEXT --audience TEXT --host TEXT --method TEXT --path TEXT

JWKS is a file or an http:// URL. Reads the assertion from standard input. Writes its claims as JSON and exits 0 where it
is proven by a key of the set, counts now and is for this request; else says why not and exits 1. Exits 3 where there is
no PyJWT.
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
# What a backend's clock may differ from the gate's, in seconds.
LEEWAY = 5
MAXIMUM_LIFETIME = 300


class Refused(Exception):
    """The assertion is not to be believed for this request."""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("jwks")
    for name in ("issuer", "audience", "host", "method", "path"):
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    try:
        claims = believe(sys.stdin.read().strip(), keys(arguments.jwks), arguments)
    except (jwt.PyJWTError, Refused) as refusal:
        print(f"{type(refusal).__name__}: {refusal}", file=sys.stderr)
        sys.exit(1)
    json.dump(claims, sys.stdout)


def keys(place):
    """The algorithm and the key for each `kid`."""
    if place.startswith("http://"):
        with urllib.request.urlopen(place, timeout=10) as answer:
            text = answer.read()
    else:
        with open(place, "rb") as file:
            text = file.read()
    return {entry["kid"]: (entry["alg"], jwt.PyJWK(entry).key) for entry in json.loads(text)["keys"]}


def believe(token, known, request):
    """The claims of `token`. It names its key; the key, not the token, says which algorithm that is for."""
    kid = jwt.get_unverified_header(token).get("kid")
    if kid not in known:
        raise Refused(f"no published key has the id {kid}")
    algorithm, key = known[kid]
    if algorithm not in ALGORITHMS:
        raise Refused(f"{algorithm} is not believed")
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
        raise Refused("the assertion counts for too long")
    return claims


if __name__ == "__main__":
    main()
