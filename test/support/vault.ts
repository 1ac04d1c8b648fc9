import { createCipheriv, createHmac, pbkdf2Sync } from "node:crypto";

export const VAULT_PASSWORD = "correct horse";

const hex = (text: string | Uint8Array): string => Buffer.from(text).toString("hex");
const wrapped = (text: string): string => (text.match(/.{1,80}/g) ?? []).join("\n");

/** As ansible-vault writes it, with a salt that stays the same; of what is padded, or is meant not to be. */
export function vaultOf(padded: Uint8Array): string {
  const salt = Buffer.alloc(32, 7);
  const derived = pbkdf2Sync(VAULT_PASSWORD, salt, 10_000, 80, "sha256");
  const cipher = createCipheriv("aes-256-ctr", derived.subarray(0, 32), derived.subarray(64));
  const sealed = Buffer.concat([cipher.update(padded), cipher.final()]);
  const hmac = createHmac("sha256", derived.subarray(32, 64)).update(sealed).digest("hex");
  return `$ANSIBLE_VAULT;1.1;AES256\n${wrapped(hex(`${hex(salt)}\n${hmac}\n${hex(sealed)}`))}\n`;
}

/** A text in a vault. */
export function vaulted(text: string): string {
  const bytes = Buffer.from(text);
  const padding = 16 - (bytes.length % 16);
  return vaultOf(Buffer.concat([bytes, Buffer.alloc(padding, padding)]));
}
