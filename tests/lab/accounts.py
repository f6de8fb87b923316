#!/usr/bin/env python3
"""Fills a fresh domain with the lab's accounts and groups, before its controller runs.

    accounts.py SMB.CONF SAM.LDB

Runs in the interpreter that has Samba's modules. Prints a line `SID name` for each account and each group. Accounts are
created in the order of ACCOUNTS, so that the last numbers of their SIDs are known: 1103 is the first, 1106 is alice.
Their password is PASSWORD.
"""
import sys

import ldb
from samba.auth import system_session
from samba.dcerpc import security
from samba.ndr import ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB

PASSWORD = "Passw0rd!Lab"

# userAccountControl (MS-ADTS 2.2.16)
NORMAL_ACCOUNT = 0x200
ACCOUNT_DISABLE = 0x2
SMARTCARD_REQUIRED = 0x40000
NOT_DELEGATED = 0x100000
TRUSTED_TO_AUTH_FOR_DELEGATION = 0x1000000
# msDS-SupportedEncryptionTypes (MS-KILE 2.2.7)
RC4_ONLY = "4"
AES_ONLY = "24"
# accountExpires: 2020-01-01, in units of 100 ns since 1601
IN_2020 = "132223104000000000"

DELEGATES_TO = ["HTTP/rms.corp.example", "HTTP/rc4.corp.example"]

# The accounts in the order of creation, each with its additional attributes.
ACCOUNTS = {
    # The account that reads the directory for the gateway. It has no read access to OU=Hidden.
    "svc-ldap": {},
    # The gateway's account for Kerberos, which may delegate for any user.
    "svc-gw": {
        "servicePrincipalName": ["HTTP/gw.corp.example"],
        "userAccountControl": NORMAL_ACCOUNT | TRUSTED_TO_AUTH_FOR_DELEGATION,
        "msDS-AllowedToDelegateTo": DELEGATES_TO,
        "msDS-SupportedEncryptionTypes": AES_ONLY,
    },
    # The web server. svc-gw may delegate to its first name only.
    "svc-rms": {
        "servicePrincipalName": ["HTTP/rms.corp.example", "HTTP/elsewhere.corp.example"],
        "msDS-SupportedEncryptionTypes": AES_ONLY,
    },
    # In RMS-Users by way of two other groups, and in a mailing list.
    "alice": {},
    # In RMS-Users, and in a group with a comma in its name.
    "bob": {},
    # In two groups that contain each other.
    "carol": {},
    "dave": {},
    "erin": {},
    # In RMS-Denied.
    "frank": {},
    # In 150 groups.
    "grace": {},
    "heidi": {"userAccountControl": NORMAL_ACCOUNT | ACCOUNT_DISABLE},
    # Locked by five wrong passwords at every start of the lab.
    "ivan": {},
    "judy": {"accountExpires": IN_2020},
    # Must change the password at the next login.
    "kim": {"pwdLastSet": "0"},
    # leo and mallory have the same mapping.
    "leo": {"altSecurityIdentities": ["X509:<RFC822>leo@corp.example"]},
    "mallory": {"altSecurityIdentities": ["X509:<RFC822>leo@corp.example"]},
    "nina": {"userPrincipalName": "nina.mueller@people.example", "displayName": "Nina Müller"},
    "oscar": {"userAccountControl": NORMAL_ACCOUNT | SMARTCARD_REQUIRED},
    "peggy": {"userAccountControl": NORMAL_ACCOUNT | NOT_DELEGATED},
    # May log in at no hour of the week.
    "quinn": {"logonHours": bytes(21)},
    # The service account has no read access to it.
    "hidden": {},
    "jürgen": {"displayName": "Jürgen Groß"},
    # May delegate, but only for users who presented a Kerberos ticket.
    "svc-untrusted": {
        "servicePrincipalName": ["HTTP/untrusted.corp.example"],
        "msDS-AllowedToDelegateTo": DELEGATES_TO,
        "msDS-SupportedEncryptionTypes": AES_ONLY,
    },
    # An old server without AES.
    "svc-rc4": {"servicePrincipalName": ["HTTP/rc4.corp.example"], "msDS-SupportedEncryptionTypes": RC4_ONLY},
    # For tests that change accounts, and for tests with many users.
    **{f"spare{number:02}": {} for number in range(1, 31)},
    **{f"user{number:03}": {} for number in range(1, 201)},
}

PROJECTS = [f"Project-{number:03}" for number in range(1, 151)]

# Each group with its members.
GROUPS = {
    "RMS-Users": ["RMS-Nested1", "bob"],
    "RMS-Nested1": ["RMS-Nested2"],
    "RMS-Nested2": ["alice"],
    "RMS-Denied": ["frank"],
    "Cycle1": ["Cycle2"],
    "Cycle2": ["Cycle1", "carol"],
    "Zürich, Einkauf": ["bob"],
    "Spare1": [],
    "Spare2": [],
    **{project: ["grace"] for project in PROJECTS},
}
MAILING_LISTS = {"RMS-News": ["alice"]}
# groupType of a global group that grants no rights (MS-ADTS 2.2.12)
GLOBAL_DISTRIBUTION = 2


class Domain:
    def __init__(self, configuration, database):
        parameters = LoadParm()
        parameters.load(configuration)
        self.sam = SamDB(url=database, session_info=system_session(), lp=parameters)
        self.base = str(self.sam.domain_dn())

    def add_unit(self, name):
        self.sam.add({"dn": f"OU={name},{self.base}", "objectClass": "organizationalUnit"})

    def add_account(self, name, attributes):
        service = name.startswith("svc-")
        unit = "Services" if service else "Hidden" if name == "hidden" else "Staff"
        mail = None if service else f"{name}@corp.example"
        self.sam.newuser(name, PASSWORD, userou=f"OU={unit}", mailaddress=mail)
        self.replace(f"CN={name},OU={unit},{self.base}", {"userPrincipalName": f"{name}@corp.example", **attributes})

    def add_group(self, name, group_type=None):
        # A name may contain a comma, a sAMAccountName may not.
        account_name = name.replace(",", "")
        self.sam.newgroup(account_name, groupou="OU=Groups", grouptype=group_type)
        if account_name != name:
            escaped = name.replace(",", "\\,")
            self.sam.rename(f"CN={account_name},OU=Groups,{self.base}", f"CN={escaped},OU=Groups,{self.base}")

    def add_members(self, group, members):
        if members:
            self.replace(self.dn(group), {"member": [self.dn(member) for member in members]})

    def dn(self, name):
        return str(self.find(name).dn)

    def sid(self, name):
        return ndr_unpack(security.dom_sid, self.find(name)["objectSid"][0])

    def find(self, name):
        account_name = ldb.binary_encode(name.replace(",", ""))
        return self.sam.search(self.base, expression=f"(sAMAccountName={account_name})", attrs=["objectSid"])[0]

    def replace(self, dn, attributes):
        values = {name: str(value) if isinstance(value, int) else value for name, value in attributes.items()}
        self.sam.modify(ldb.Message.from_dict(self.sam, {"dn": dn, **values}, ldb.FLAG_MOD_REPLACE))


def main():
    domain = Domain(sys.argv[1], sys.argv[2])
    domain.sam.transaction_start()
    for unit in ("Services", "Staff", "Hidden", "Groups"):
        domain.add_unit(unit)
    domain.replace(f"CN=Partitions,CN=Configuration,{domain.base}", {"uPNSuffixes": ["people.example"]})
    for name, attributes in ACCOUNTS.items():
        domain.add_account(name, attributes)
    for group in GROUPS:
        domain.add_group(group)
    for group in MAILING_LISTS:
        domain.add_group(group, GLOBAL_DISTRIBUTION)
    for group, members in {**GROUPS, **MAILING_LISTS}.items():
        domain.add_members(group, members)
    domain.sam.transaction_commit()
    for name in [*ACCOUNTS, *GROUPS, *MAILING_LISTS]:
        print(domain.sid(name), name)


main()
