"""The document's commands, `openssl cmp` replaced by ours and nothing else, against OpenSSL's own mock server.

Both clients run, each with a fresh server, and have to say the same in the same order. The mock server listens on all
interfaces, so everything happens in a network namespace of its own.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Result

SERVE = """
ip link set lo up
openssl cmp -config '' -port 8080 -srv_ref mock -srv_secret pass:mySecret $1 >server.log 2>&1 &
server=$!
n=0
until grep -q ':1F90 ' /proc/net/tcp /proc/net/tcp6; do
    n=$((n + 1)); [ $n -lt 600 ] && kill -0 $server || exit 99
    sleep 0.1
done
eval "$2"
code=$?
kill $server
exit $code
"""


def namespace() -> bool:
    if not all(map(shutil.which, ("openssl", "unshare", "ip"))):
        return False
    probe = ["unshare", "-rn", "sh", "-c", "ip link set lo up"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not namespace(), reason="needs openssl, and a network namespace of our own")

CONFIG = """\
[ init ]
# -verbosity level
#   Level of verbosity for logging, error output, etc.
verbosity = 8

# -server [http[s]://][userinfo@]host[:port][/path][?query][#fragment]
server = 127.0.0.1:8080

# -path remote_path
#   HTTP path at the CMP server (aka CMP alias) to use for POST requests.
#   Defaults to any path given with -server, else "/".
path = pkix/

# Other configuration options that might be applicable
#   srvcert =

[ cmp_ir_mac ]

# -newkey filename|uri
#   The source of the private or public key for the certificate being requested.
newkey = cmp_key.pem

# -certout filename
certout = cmp_cert.pem

# -subject name
#   /DC=org/DC=OpenSSL/DC=users/UID=123456+CN=John Doe
subject = "/CN=cmp-certificate"

# Other configuration options that might be applicable
#   recipient =
#   issuer =
"""

IR = """\
openssl cmp \\
  -cmd ir \\
  -config openssl.conf \\
  -section init,cmp_ir_mac \\
  -secret pass:mySecret
"""
KUR = """\
openssl cmp \\
  -cmd kur \\
  -config openssl.conf \\
  -section init,cmp_ir_mac \\
  -secret pass:mySecret \\
  -oldcert cmp_cert.pem \\
  -newkey cmp_new_key.pem \\
  -certout cmp_new_cert.pem
"""
RR = """\
openssl cmp \\
  -cmd rr \\
  -config openssl.conf \\
  -section init,cmp_ir_mac \\
  -secret pass:mySecret \\
  -oldcert cmp_cert.pem \\
  -revreason 1
"""

ENROLMENT = """\
CMP info: using section(s) 'init,cmp_ir_mac' of OpenSSL configuration file 'openssl.conf'
CMP info: will contact http://127.0.0.1:8080/pkix/
CMP DEBUG: Starting new transaction with ID=
CMP info: sending {0}
CMP DEBUG: connecting to CMP server 127.0.0.1:8080
CMP DEBUG: finished reading response from CMP server
CMP info: received {1}
CMP DEBUG: validating CMP message
CMP DEBUG: successfully validated PBM-based CMP message protection
CMP DEBUG: trying to build chain for newly enrolled cert
CMP DEBUG: success building approximate chain for newly enrolled cert
CMP info: sending CERTCONF
CMP DEBUG: disconnected from CMP server
CMP DEBUG: finished reading response from CMP server
CMP info: received PKICONF
CMP DEBUG: validating CMP message
CMP DEBUG: successfully validated PBM-based CMP message protection
CMP info: received 1 newly enrolled certificate(s), saving to file '{2}'
"""
REVOCATION = """\
CMP info: using section(s) 'init,cmp_ir_mac' of OpenSSL configuration file 'openssl.conf'
CMP info: will contact http://127.0.0.1:8080/pkix/
CMP DEBUG: Starting new transaction with ID=
CMP info: sending RR
CMP DEBUG: connecting to CMP server 127.0.0.1:8080
CMP DEBUG: disconnected from CMP server
CMP DEBUG: finished reading response from CMP server
CMP info: received RP
CMP DEBUG: validating CMP message
CMP DEBUG: successfully validated PBM-based CMP message protection
CMP warning: revocation accepted (PKIStatus=revocationNotification)
CMP warning: received from 127.0.0.1:8080 PKIStatus: revocation notification - a revocation of the cert has occurred; \
<no failure info>
"""


class Stage:
    """A folder with the document's files, and a way to run its commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "openssl.conf").write_text(CONFIG)
        (folder / "empty.cnf").write_text("[req]\ndistinguished_name = dn\n[dn]\n")
        for name in ("cmp_key", "cmp_new_key", "ca"):
            self.openssl(f"genrsa -out {name}.pem 2048")
        self.openssl("req -x509 -config empty.cnf -key ca.pem -subj /CN=CA -out ca.crt -days 30")
        for name in ("cmp_key", "cmp_new_key"):  # the mock server wants the same serial number in kur and in its answer
            self.openssl(f"req -new -config empty.cnf -key {name}.pem -subj /CN=cmp-certificate -out {name}.csr")
            self.openssl(f"x509 -req -in {name}.csr -CA ca.crt -CAkey ca.pem -set_serial 7 -out {name}.crt -days 30")

    def openssl(self, line: str) -> None:
        subprocess.run(["openssl", *shlex.split(line)], cwd=self.folder, check=True, capture_output=True)

    def run(self, command: str, server: str) -> Result:
        """A command of a shell, and beside it a mock server with these options."""
        script = ["unshare", "-rn", "sh", "-c", SERVE.replace("$1", server), "sh", "", command]
        done = subprocess.run(script, cwd=self.folder, capture_output=True, text=True, check=False, timeout=200)
        assert done.returncode != 99, (self.folder / "server.log").read_text()
        return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("document"))


def ours(command: str) -> str:
    return command.replace("openssl cmp", f"{shlex.quote(sys.executable)} -m cmpcodec cmp")


def milestones(text: str, *left_out: str) -> list[str]:
    """The lines from "CMP" on, without what is new in each run and without what only some versions say."""
    found = [line[match.start() :].rstrip() for line in text.splitlines() if (match := re.search(r"CMP \w+: ", line))]
    found = [re.sub(r"ID=[0-9A-F:]+", "ID=", line).replace("1 enrolled", "1 newly enrolled") for line in found]
    return [line for line in found if not any(one in line for one in left_out)]


def compare(theirs: Result, our: Result, expected: str) -> None:
    """Both clients said what the document says; openssl may warn of more, and its 3.0 ends rr a line earlier."""
    assert (our.code, our.out) == (0, "")
    assert milestones(our.err) == expected.splitlines()
    assert theirs.code == 0
    said = milestones(theirs.out + theirs.err, "recipient", "is ignored for", "overrides the subject", "PKIStatus: acc")
    said, wanted = [line.lower() for line in said], expected.lower().splitlines()
    assert said in (wanted, wanted[:-1])


def test_ir(stage: Stage) -> None:
    server = "-rsp_cert cmp_key.crt"
    theirs = stage.run(IR, server)
    (stage.folder / "cmp_cert.pem").unlink()
    compare(theirs, stage.run(ours(IR), server), ENROLMENT.format("IR", "IP", "cmp_cert.pem"))
    assert (stage.folder / "cmp_cert.pem").read_bytes() == (stage.folder / "cmp_key.crt").read_bytes()


def test_kur(stage: Stage) -> None:
    shutil.copy(stage.folder / "cmp_key.crt", stage.folder / "cmp_cert.pem")
    server = "-rsp_cert cmp_new_key.crt"
    theirs = stage.run(KUR, server)
    (stage.folder / "cmp_new_cert.pem").unlink()
    compare(theirs, stage.run(ours(KUR), server), ENROLMENT.format("KUR", "KUP", "cmp_new_cert.pem"))
    assert (stage.folder / "cmp_new_cert.pem").read_bytes() == (stage.folder / "cmp_new_key.crt").read_bytes()


def test_rr(stage: Stage) -> None:
    shutil.copy(stage.folder / "cmp_key.crt", stage.folder / "cmp_cert.pem")
    server = "-rsp_cert cmp_key.crt -pkistatus 5"
    compare(stage.run(RR, server), stage.run(ours(RR), server), REVOCATION)


# --- beyond the document: the same server in other moods ---


def test_rejection(stage: Stage) -> None:
    result = stage.run(ours(IR), "-rsp_cert cmp_key.crt -pkistatus 2 -failure 9 -statusstring 'not_today'")
    assert result.code == 1
    assert milestones(result.err)[-1] == (
        'CMP error: request rejected by server:PKIStatus: rejection; PKIFailureInfo: badPOP; StatusString: "not_today"'
    )


def test_wrong_secret(stage: Stage) -> None:
    result = stage.run(ours(IR).replace("mySecret", "other"), "-rsp_cert cmp_key.crt")
    assert result.code == 1
    assert "received ERROR" in result.err
    assert "received PKICONF" not in result.err
    result = stage.run(
        ours(IR).replace("mySecret", "other -unprotected_errors"), "-rsp_cert cmp_key.crt -send_unprot_err"
    )
    assert result.code == 1
    assert "(not authenticated: anybody may have said it)" in result.err


def test_polling(stage: Stage) -> None:
    result = stage.run(ours(IR), "-rsp_cert cmp_key.crt -poll_count 2 -check_after 1")
    assert result.code == 0
    assert "received polling response; checkAfter = 1 seconds" in result.err
    assert "received final response after polling" in result.err


def test_implicit_confirmation(stage: Stage) -> None:
    command = ours(IR).rstrip() + " -implicit_confirm"
    result = stage.run(command, "-rsp_cert cmp_key.crt -grant_implicitconf")
    assert result.code == 0
    assert "CERTCONF" not in result.err
    result = stage.run(command, "-rsp_cert cmp_key.crt")  # not granted: then it is confirmed
    assert result.code == 0
    assert "received PKICONF" in result.err


def test_cr_and_p10cr(stage: Stage) -> None:
    result = stage.run(
        ours(IR).replace("-cmd ir", "-cmd cr -keep_alive 0 -msg_timeout 60 -total_timeout 120"), "-rsp_cert cmp_key.crt"
    )
    assert result.code == 0
    assert result.err.count("connecting to CMP server") == 2
    result = stage.run(
        ours(IR).replace("-cmd ir", "-cmd p10cr -csr cmp_key.csr -keep_alive 2"), "-rsp_cert cmp_key.crt"
    )
    assert result.code == 0
    assert result.err.count("connecting to CMP server") == 1
    assert "received CP" in result.err


def test_requests_of_openssl_sent_by_us(stage: Stage) -> None:
    """-reqin: their messages, their transactionID, our conversation about it."""
    for name in ("r1.der", "r2.der"):
        (stage.folder / name).unlink(missing_ok=True)
    assert stage.run(IR.rstrip() + " -reqout r1.der,r2.der", "-rsp_cert cmp_key.crt").code == 0
    for more in ("", " -reqin_new_tid"):
        result = stage.run(ours(IR).rstrip() + f" -reqin r1.der,r2.der{more}", "-rsp_cert cmp_key.crt")
        assert result.code == 0, result.err
        assert "actually sending r1.der" in result.err
        result = stage.run(ours(IR).rstrip() + f" -reqin r1.der{more}", "-rsp_cert cmp_key.crt")
        assert result.code == 0, result.err


def test_answers_of_openssl_read_by_us(stage: Stage) -> None:
    """-rspin: nothing is sent; then only the first answer comes from a file, and the server goes on where it was."""
    assert stage.run(IR.rstrip() + " -rspout a1.der,a2.der", "-rsp_cert cmp_key.crt").code == 0
    (stage.folder / "cmp_cert.pem").unlink()
    result = stage.run(ours(IR).rstrip() + " -rspin a1.der,a2.der", "-rsp_cert cmp_key.crt")
    assert result.code == 0
    assert "connecting to CMP server" not in result.err
    assert (stage.folder / "cmp_cert.pem").read_bytes() == (stage.folder / "cmp_key.crt").read_bytes()


def test_repeat(stage: Stage) -> None:
    result = stage.run(ours(IR).rstrip() + " -repeat 3", "-rsp_cert cmp_key.crt")
    assert result.code == 0
    assert result.err.count("received PKICONF") == 3
