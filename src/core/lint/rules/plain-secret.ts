import type { Placed } from "../../load/document.js";
import { isMap, placeOf } from "../../load/document.js";
import { looksTemplated } from "../../load/template.js";
import { SECRET_NAME } from "../../model/secret-values.js";
import { definitions, rawPlays } from "../project.js";
import type { Finding, Rule } from "../rule.js";

export const plainSecret: Rule = {
  name: "plain-secret",
  about: "A password, a token or a private key in plain text.",
  severity: "error",
  check: ({ inventories, playbooks }) => [
    ...definitions(inventories).flatMap(({ name, placed }) => plainSecretsIn(name, placed)),
    ...playbooks.flatMap(rawPlays).flatMap((play) => secretsIn("", play)),
  ],
};

const NAME = new RegExp(`(^|[_-])${SECRET_NAME}$`, "i");

/** Texts that are secrets whatever they are called. */
const FORMS: readonly { readonly what: string; readonly form: RegExp }[] = [
  { what: "a private key", form: /-----BEGIN [A-Z ]*PRIVATE KEY-----/ },
  { what: "a password in an address", form: /\b[a-z][a-z0-9+.-]*:\/\/[^/\s:@'"]+:[^/\s:@'"{]+@/i },
  { what: "an access key of AWS", form: /\b(AKIA|ASIA)[0-9A-Z]{16}\b/ },
  { what: "a token of GitHub", form: /\b(gh[oprsu]_[A-Za-z0-9]{36}|github_pat_\w{40,})\b/ },
  { what: "a token of GitLab", form: /\bglpat-[\w-]{20}/ },
];

/** What this rule says of a variable; nothing of what a vaulted file holds. */
export function plainSecretsIn(name: string, placed: Placed): readonly Finding[] {
  return placed.document.source.secret === true ? [] : secretsIn(name, placed);
}

function secretsIn(name: string, placed: Placed): Finding[] {
  const { value, document, path } = placed;
  if (typeof value === "number" && NAME.test(name)) return [found(`'${name}' stands here in plain text`, placed)];
  if (typeof value === "string") {
    const form = FORMS.find((one) => one.form.test(value));
    if (form !== undefined) return [found(`this is ${form.what}, in plain text`, placed)];
    return NAME.test(name) && value.trim() !== "" && !looksTemplated(value) && !value.startsWith("$ANSIBLE_VAULT;")
      ? [found(`'${name}' stands here in plain text`, placed)] : [];
  }
  if (Array.isArray(value)) return (value as unknown[]).flatMap((item, i) => secretsIn(name, { value: item, document, path: [...path, i] }));
  // what is vaulted is a map of one key of Ansible's own
  if (!isMap(value) || Object.hasOwn(value, "__ansible_vault")) return [];
  return Object.entries(value).flatMap(([key, item]) => secretsIn(key, { value: item, document, path: [...path, key] }));
}

function found(summary: string, placed: Placed): Finding {
  return {
    at: placeOf(placed), summary,
    fix: "Vault it (ansible-vault encrypt_string), or give it with -e @file; then change it, for it has been read",
  };
}
