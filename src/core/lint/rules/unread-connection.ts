import { CONNECTION_VARIABLES } from "../../inventory/connection-variables.js";
import { keyPlaceOf } from "../../load/document.js";
import { nearest } from "../../load/suggest.js";
import { child, definitions } from "../project.js";
import type { Definition } from "../project.js";
import type { Finding, Rule } from "../rule.js";
import { usedNames } from "../template-names.js";
import { plainSecretsIn } from "./plain-secret.js";

export const unreadConnection: Rule = {
  name: "unread-connection",
  about: "A variable that seems to say how a host is reached, and that converge does not read. One that Ansible reads is a note.",
  severity: "warning",
  check(project) {
    const defined = definitions(project.inventories);
    const used = usedNames(project, defined);
    const told = new Set<string>();
    return defined.filter(({ name }) => !used.has(name)).flatMap((definition): Finding[] => {
      const found = foundIn(definition);
      if (found === undefined) return [];
      // once a file, for what is silenced in one counts in the others
      const once = `${found.summary}\n${found.at.source.file}`;
      if (told.has(once)) return [];
      told.add(once);
      return [found];
    });
  },
};

/** Of Ansible's own: what changes how it reaches a host, or becomes root there. The others, of an interpreter say, can not be missed. */
const OF_ANSIBLE = new Set([
  "ansible_password", "ansible_ssh_pass", "ansible_ssh_password", "ansible_ssh_args", "ansible_ssh_executable", "ansible_ssh_private_key",
  "ansible_host_key_checking", "ansible_ssh_host_key_checking", "ansible_become_exe", "ansible_become_flags", "ansible_become_plugin",
  "ansible_sudo", "ansible_su", "ansible_scp_extra_args", "ansible_sftp_extra_args", "ansible_scp_executable", "ansible_sftp_executable",
  "ansible_scp_if_ssh", "ansible_ssh_transfer_method", "ansible_control_path", "ansible_control_path_dir",
]);

/** Of its ways to become another user each has variables of its own. */
const WAYS_TO_BECOME = /^ansible_(doas|dzdo|enable|ksu|machinectl|pbrun|pfexec|pmrun|runas|sesu|su|sudo)_(user|pass|password|exe|flags)$/;

function isOfAnsible(name: string): boolean {
  return OF_ANSIBLE.has(name) || WAYS_TO_BECOME.test(name);
}

const PREFIXES = ["ansible", "converge"];
/** Two slips are one word, three are another: `ansible_hostname` is a fact, and no `ansible_host`. */
const MOST_SLIPS = 2;

/** What people write who know the thing, and not its name. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  ansible_address: "ansible_host", ansible_ip: "ansible_host", ansible_username: "ansible_user", ansible_ssh_username: "ansible_user",
  ansible_key_file: "ansible_ssh_private_key_file", ansible_ssh_key: "ansible_ssh_private_key_file",
  ansible_ssh_key_file: "ansible_ssh_private_key_file",
};

function foundIn({ name, placed }: Definition): Finding | undefined {
  if (CONNECTION_VARIABLES.has(name)) return undefined;
  const at = keyPlaceOf(placed);
  if (name === "vars") {
    const inside = [...CONNECTION_VARIABLES].find((one) => child(placed, one) !== undefined);
    if (inside === undefined) return undefined;
    const fix = "Leave 'vars' out there, and keep what is below it: only a group of an inventory has that key";
    return { at, summary: `'${inside}' stands in a variable that is called 'vars', where converge does not read it`, fix };
  }
  // one in plain text has to go for that alone, and another rule says so
  if (plainSecretsIn(name, placed).length > 0) return undefined;
  if (isOfAnsible(name)) return { at, severity: "note", summary: `converge does not read '${name}'`, fix: "See what it reads: docs/guide/inventory.md" };
  const meant = Object.hasOwn(OTHER_WORDS, name) ? OTHER_WORDS[name] : misspelt(name);
  return meant === undefined ? undefined : { at, summary: `converge does not read the variable '${name}'`, fix: `did you mean '${meant}'?` };
}

/** The variable that was meant by one with a slip before its first underscore, or behind it. */
function misspelt(name: string): string | undefined {
  const [, prefix = "", rest = ""] = /^([^_.-]+)[_.-](.+)$/.exec(name) ?? [];
  const known = nearest(prefix, PREFIXES, MOST_SLIPS);
  if (known === undefined) return undefined;
  if (known !== prefix || !name.startsWith(`${known}_`)) return CONNECTION_VARIABLES.has(`${known}_${rest}`) ? `${known}_${rest}` : undefined;
  const rests = [...CONNECTION_VARIABLES].filter((one) => one.startsWith(`${known}_`)).map((one) => one.slice(known.length + 1));
  const best = nearest(rest, rests, MOST_SLIPS);
  return best === undefined ? undefined : `${known}_${best}`;
}
