import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { renderDiagnostics, diagnosticJson } from "../../src/core/render/diagnostics.js";
import { readDomainConfig } from "../../src/core/xl/domain-config.js";
import { redact, redactInside } from "../../src/core/xl/secrets.js";
import { processorMs } from "../support/processor.js";

const REDACTIONS: readonly (readonly [text: string, redacted: string])[] = [
  ["vncpasswd = 'geheim'\n", "vncpasswd = 'REDACTED'\n"],
  ["vncpasswd=1234;name='x'\n", "vncpasswd=REDACTED;name='x'\n"],
  ["vncpasswd = ''\nname = 'x'\n", "vncpasswd = ''\nname = 'x'\n"],
  ['spicepasswd = "a\\"b"\n', 'spicepasswd = "REDACTED"\n'],
  ["vncpasswd += 'x'\n", "vncpasswd += 'REDACTED'\n"],
  [
    "my.password_file = [ 'a',\n 'b' ]\nname='c'\n",
    "my.password_file = [ 'REDACTED',\n 'REDACTED' ]\nname='c'\n",
  ],
  [
    "vfb = [ 'vnc=1,vncpasswd=s3,keymap=de', 'vncpasswd= t' ]\n",
    "vfb = [ 'vnc=1,vncpasswd=REDACTED,keymap=de', 'vncpasswd= REDACTED' ]\n",
  ],
  [
    "device_model_args = [ '-spice', 'port=1,password=x' ]\n",
    "device_model_args = [ '-spice', 'port=1,password=REDACTED' ]\n",
  ],
  [
    "device_model_args = [ 'secret,id=s0,data=hush' ]\n",
    "device_model_args = [ 'secret,id=s0,data=REDACTED' ]\n",
  ],
  // QEMU takes two commas for one
  ["device_model_args = [ 'port=1,password=x,,y,,,tls-port=2' ]\n", "device_model_args = [ 'port=1,password=REDACTED,tls-port=2' ]\n"],
  ["device_model_args = [ 'secret,data=a,,b,id=s0' ]\n", "device_model_args = [ 'secret,data=REDACTED,id=s0' ]\n"],
  ["disk = [ 'format=raw,vdev=hdc,access=ro,devtype=cdrom,target=https://me:hush@store/a.iso' ]\n", "disk = [ 'format=raw,vdev=hdc,access=ro,devtype=cdrom,target=https://me:REDACTED@store/a.iso' ]\n"],
  ["disk = [ 'iscsi://me%hush@store/iqn/0,raw,xvdb,w' ]\n", "disk = [ 'iscsi://me%REDACTED@store/iqn/0,raw,xvdb,w' ]\n"],
  ["disk = [ 'rbd:pool/web1:id=admin:key=AQ\\\\:x==:conf=/etc/c,raw,xvdb,w' ]\n", "disk = [ 'rbd:pool/web1:id=admin:key=REDACTED:conf=/etc/c,raw,xvdb,w' ]\n"],
  ["disk = [ 'https://store:443/a@b.iso,raw,hdc,r' ]\n", "disk = [ 'https://store:443/a@b.iso,raw,hdc,r' ]\n"],
  // a kernel's arguments have blanks between them, and a comma is a part of what it stands in
  ["extra = 'ro initpasswd=a,b console=hvc0'\n", "extra = 'ro initpasswd=REDACTED'\n"],
  ["extra = 'password=a,b=c ro'\n", "extra = 'password=REDACTED'\n"],
  ["cmdline = 'initpasswd=a,b'\n", "cmdline = 'initpasswd=REDACTED'\n"],
  // and xl makes two settings of one that was to be a password
  ["vfb = [ 'vnc=1, vncpasswd=s3,x, keymap=de' ]\n", "vfb = [ 'vnc=1, vncpasswd=REDACTED, keymap=de' ]\n"],
  ["device_model_args = [ 'secret,id=s0,data=hush,hush,format=raw' ]\n", "device_model_args = [ 'secret,id=s0,data=REDACTED,format=raw' ]\n"],
  ["# vncpasswd = 'old'\n", "# vncpasswd = REDACTED\n"],
  ["vncpasswd = 'never closed\nname = 'x'\n", "vncpasswd = REDACTED\nname = 'x'\n"],
  ["vncpasswd = bare\n", "vncpasswd = REDACTED\n"],
  ["vncpasswd = a;b\nname = 'x'\n", "vncpasswd = REDACTED;REDACTED\nname = 'x'\n"],
  ["vncpasswd = a;b=c; memory = 5\n", "vncpasswd = REDACTED;REDACTED=REDACTED; memory = 5\n"],
  ["vncpasswd =\nname = 'x'\n", "vncpasswd =\nname = 'x'\n"],
  ["vncpasswd = ;name = 'x'\n", "vncpasswd = ;name = 'x'\n"],
  ["vncpasswd = \\\n 'x'\nname = 'y'\n", "vncpasswd = REDACTED\n 'REDACTED'\nname = 'y'\n"],
  ["vncpasswd =\n x\nname = 'y'\n", "vncpasswd =\n REDACTED\nname = 'y'\n"],
  ["vncpasswd =\r\n x\r\nname = 'y'\r\n", "vncpasswd =\r\n REDACTED\r\nname = 'y'\r\n"],
  ["vncpasswd = # note\n\n x\nname = 'y'\n", "vncpasswd = # note\n\n REDACTED\nname = 'y'\n"],
  // a list that is never closed ends where the next setting begins
  ["vncpasswd = [ 'x',\n 'y'\nname = 'z'\nmemory = 5\n", "vncpasswd = [ 'REDACTED',\n 'REDACTED'\nname = 'z'\nmemory = 5\n"],
  ["disk = [ 'a,raw,xvda1,w'\nvncpasswd = 'x'\nname = 'z'\nkernel = '/k'\n", "disk = [ 'a,raw,xvda1,w'\nvncpasswd = 'REDACTED'\nname = 'z'\nkernel = '/k'\n"],
  ["x = [ [ 'a'\n  spicepasswd = 'x'; name = 'z'\n", "x = [ [ 'a'\n  spicepasswd = 'REDACTED'; name = 'z'\n"],
  ["vncpasswd = [ 'x'\n y,\n # note\n 'z'\n", "vncpasswd = [ 'REDACTED'\n REDACTED,\n # note\n 'REDACTED'\n"],
  ["name = 'passwd'\nextra = 'x=1'\n", "name = 'passwd'\nextra = 'x=1'\n"],
];

/** xl refuses each of them, or warns; `geheim` is the password. */
const BROKEN: readonly string[] = [
  "vncpasswd='geheim'\r\n", "vncpasswd = geheim\n", "vncpasswd = 12geheim\n", "vncpasswd = $geheim\n", "vncpasswd = Geheim99\n", "vncpasswd = /geheim\n",
  "vncpasswd = a;geheim\n", "vncpasswd=a;b=geheim\n", "vncpasswd = 'a;geheim\n", "vncpasswd=''a;geheim''\n", "vncpasswd = a; b;geheim; c\n", "vncpasswd =\n  geheim\n",
  "vncpasswd = \\\n  'geheim'\n", "vncpasswd=xy#geheim\n", "vncpasswd: geheim\n", "vncpasswd:geheim\n", "vncpasswd 'geheim'\n", "vncpasswd geheim\n", "vncpasswd == 'geheim'\n",
  "VNCPASSWD='geheim'\n", "VncPasswd='geheim'\n", "vncpasswd='geheim' disk\n", "vncpasswd='geheim'; disk=['x' 'y']\n", "vncpasswd='ge' + 'geheim'\n",
  "vncpasswd = ''geheim''\n", "vncpasswd='geheim\n", "vncpasswd='geheim\0'\n", "vncpasswd = 'x\\q geheim'\n", "vncpasswd=[ 'geheim', 'x'\n",
  "vfb=['vnc=1,vncpasswd=geheim' 'x']\n", "vfb=['vnc=1,vncpasswd=x'geheim']\n", 'vfb = [ "vnc=1,vncpasswd="geheim"" ]\n', "vfb=[ 'vncpasswd=geheim\n",
  "vfb=[ 'vncpasswd=geheim' ]; disk=[ 'x,y,z,q=4' ]\n", "vfb=[ 'vncpasswd=geheim' ]; type='none'\n", "device_model_args=[ '-object', 'secret,data=geheim\n",
];

describe("a complaint about a config shows no password of it", () => {
  it.each(BROKEN)("%j", (line) => {
    const { diagnostics } = readDomainConfig("/etc/xen/web1.cfg", { file: "/etc/xen/web1.cfg", text: `name='web1'\n${line}` }, "", 0, "600");
    expect(diagnostics).not.toEqual([]);
    expect(renderDiagnostics(diagnostics)).not.toMatch(/geheim/i);
    expect(JSON.stringify(diagnostics.map(diagnosticJson))).not.toMatch(/geheim/i);
    expect(redact(line)).not.toMatch(/geheim/i);
  });

  it("and points at the place all the same", () => {
    const { diagnostics } = readDomainConfig("/etc/xen/web1.cfg", { file: "/etc/xen/web1.cfg", text: "vncpasswd = geheim\n" }, "", 0, "600");
    expect(renderDiagnostics(diagnostics)).toBe([
      "error[xl-value]: '******' is a bare word, which xl refuses",
      "  --> /etc/xen/web1.cfg:1:13",
      "   |",
      " 1 | vncpasswd = ******",
      "   |             ^^^^^^",
      '   = help: Put it in quotes: "******".',
      "",
    ].join("\n"));
  });
});

describe("redact", () => {
  it.each(REDACTIONS)("%j", (text, redacted) => {
    expect(redact(text)).toBe(redacted);
  });

  it.each([
    ["initpasswd=a,b console=hvc0", "initpasswd=REDACTED"], ["console=hvc0 initpasswd=a,b=c,d ro", "console=hvc0 initpasswd=REDACTED"],
    ["-spice port=1,password=a,b,tls-port=2", "-spice port=1,password=REDACTED"], ["port=1,password=a,b,tls-port=2", "port=1,password=REDACTED,tls-port=2"],
    ["missing https://me:hush@store/a.iso", "missing https://me:REDACTED@store/a.iso"], ["password= ", "password= "],
  ])("inside of %j, which stands by itself", (text, redacted) => {
    expect(redactInside(text)).toBe(redacted);
  });

  it("leaves no password in any config that holds one", () => {
    const password = fc.stringMatching(/^[a-zA-Z0-9!$%&/() ;#._-]{6,20}$/).map((s) => `§${s.trim()}§`);
    fc.assert(
      fc.property(password, fc.string(), fc.constantFrom("'", '"'), (secret, noise, quote) => {
        const line = noise.replace(/['"\n]/g, "");
        for (const text of [
          `vncpasswd = ${quote}${secret}${quote}\n`,
          `x = 1\nvfb = [ ${quote}type=vnc, vncpasswd=${secret}${quote} ]\n# ${line}\n`,
          `# ${line}\nspicepasswd=${quote}${secret}${quote}`,
        ])
          expect(redact(text)).not.toContain(secret);
      }),
    );
  });

  it("takes linear time", () => {
    const started = processorMs();
    for (const piece of ["passw", "passw=", "# passw ", "'secret,a=", "secret,", "vncpasswd=[", "passw=,,", "passw=,", "passw=,a=", "passw=a ", "pAsSw", "://a:", "rbd::key=", "rbd:"]) {
      redact(piece.repeat(50_000));
      redact(`a='${piece.replaceAll("'", "").repeat(50_000)}'\n`);
    }
    expect(processorMs() - started).toBeLessThan(10_000);
  });
});
