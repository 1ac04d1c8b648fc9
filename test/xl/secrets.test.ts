import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { redact } from "../../src/core/xl/secrets.js";
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
  ["# vncpasswd = 'old'\n", "# vncpasswd = REDACTED\n"],
  ["vncpasswd = 'never closed\nname = 'x'\n", "vncpasswd = REDACTED\nname = 'x'\n"],
  ["vncpasswd = bare\n", "vncpasswd = REDACTED\n"],
  ["name = 'passwd'\nextra = 'x=1'\n", "name = 'passwd'\nextra = 'x=1'\n"],
];

describe("redact", () => {
  it.each(REDACTIONS)("%j", (text, redacted) => {
    expect(redact(text)).toBe(redacted);
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
    for (const piece of ["passw", "passw=", "# passw ", "'secret,a=", "secret,", "vncpasswd=["]) {
      redact(piece.repeat(50_000));
      redact(`a='${piece.replaceAll("'", "").repeat(50_000)}'\n`);
    }
    expect(processorMs() - started).toBeLessThan(10_000);
  });
});
