import { createDecipheriv, createHmac, pbkdf2Sync, timingSafeEqual } from "node:crypto";
import type { Opened } from "../../core/inventory/vault.js";
import { parseEnvelope } from "../../core/inventory/vault.js";

const ITERATIONS = 10_000;
const KEY_BYTES = 32;
const IV_BYTES = 16;

/**
 * Decrypts Ansible's vaults with the first password that fits. The format (docs.ansible.com, "Ansible Vault payload
 * format 1.1 - 1.2"): PBKDF2 with SHA-256 gives two keys and a counter; HMAC-SHA-256 over the ciphertext by the second;
 * AES-256-CTR by the first, padded as PKCS#7 says.
 */
export function unlockWith(passwords: readonly Buffer[]): (envelope: string) => Opened {
  // a value is asked for again whenever a template names it
  const known = new Map<string, Opened>();
  return (envelope) => {
    let opened = known.get(envelope);
    if (opened === undefined) {
      opened = open(envelope, passwords);
      known.set(envelope, opened);
    }
    return opened;
  };
}

function open(text: string, passwords: readonly Buffer[]): Opened {
  const envelope = parseEnvelope(text);
  if ("problem" in envelope) return envelope;
  const { salt, hmac, cipher } = envelope;
  for (const password of passwords) {
    const derived = pbkdf2Sync(password, salt, ITERATIONS, 2 * KEY_BYTES + IV_BYTES, "sha256");
    const key = derived.subarray(0, KEY_BYTES);
    const seal = createHmac("sha256", derived.subarray(KEY_BYTES, 2 * KEY_BYTES)).update(cipher).digest();
    if (hmac.length !== seal.length || !timingSafeEqual(hmac, seal)) continue;
    const decipher = createDecipheriv("aes-256-ctr", key, derived.subarray(2 * KEY_BYTES));
    return textOf(Buffer.concat([decipher.update(cipher), decipher.final()]));
  }
  return { problem: passwords.length === 1 ? "the password that was given does not fit" : "none of the passwords that were given fits" };
}

function textOf(padded: Buffer): Opened {
  const padding = padded.at(-1) ?? 0;
  if (padding < 1 || padding > IV_BYTES || padding > padded.length) return { problem: "it is damaged: its padding is wrong" };
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(padded.subarray(0, padded.length - padding)) };
  } catch {
    return { problem: "what it holds is not UTF-8 text" };
  }
}
