/**
 * The JSON Schema of an inventory in YAML, for editors. converge itself reads inventories as Ansible does (see
 * src/core/inventory), and what it says of a mistake says more than this could.
 */

const text = { type: ["string", "number", "boolean"] } as const;
const template = { type: "string", pattern: "\\{\\{" } as const;
const port = { anyOf: [{ type: "integer", minimum: 1, maximum: 65535 }, { type: "string", pattern: "^\\d+$|\\{\\{" }] } as const;
const flag = { anyOf: [{ type: "boolean" }, { type: "string", enum: ["yes", "no", "true", "false"] }, template] } as const;
const seconds = { anyOf: [{ type: "number", exclusiveMinimum: 0, maximum: 86400 }, { type: "string", pattern: "^\\d+$|\\{\\{" }] } as const;
const address = "Name, address, or alias of ssh_config that the host is reached by. Not given: its name in the inventory.";
const key = "Private key that ssh logs in with. Not given: as ssh_config says.";
const sshWords = "Further arguments for ssh, split into words as a shell does.";
const password = "sudo's password. Do not write it down in plain text: vault it, or leave it to -K.";

const variables = {
  ansible_connection: {
    anyOf: [{ type: "string", enum: ["ssh", "smart", "local", "recorded", "ansible.builtin.ssh", "ansible.builtin.local"] }, template],
    description: "How the host is reached: `ssh`, `local` (this machine), or `recorded` (only looked at, from the file that " +
      "converge_facts names). Not given: ssh.",
  },
  ansible_host: { ...text, description: address, examples: ["192.0.2.10"] },
  ansible_ssh_host: { ...text, description: `${address} It goes before ansible_host.` },
  ansible_port: { ...port, description: "ssh's port, 1 to 65535. Not given: as ssh_config says.", examples: [2222] },
  ansible_ssh_port: { ...port, description: "ssh's port; it goes before ansible_port." },
  ansible_user: { ...text, description: "Login on the host; stronger than -u. Not given: as ssh_config says.", examples: ["root"] },
  ansible_ssh_user: { ...text, description: "Login on the host; it goes before ansible_user." },
  ansible_ssh_private_key_file: { ...text, description: key },
  ansible_private_key_file: { ...text, description: key },
  ansible_ssh_common_args: { ...text, description: sshWords, examples: ["-J jump.example.org"] },
  ansible_ssh_extra_args: { ...text, description: sshWords },
  ansible_timeout: { ...seconds, description: "How many seconds ssh waits for an answer, up to 86400. Not given: 10." },
  ansible_ssh_timeout: { ...seconds, description: "How many seconds ssh waits for an answer; it goes before ansible_timeout." },
  ansible_become: { ...flag, description: "Become another user by sudo on the host; stronger than -b. Not given: no." },
  ansible_become_method: { anyOf: [{ type: "string", enum: ["sudo"] }, template], description: "How to become another user: sudo is the only way." },
  ansible_become_user: { ...text, description: "Who to become. Not given: root." },
  ansible_become_password: { description: password },
  ansible_become_pass: { description: password },
  ansible_sudo_pass: { description: password },
  ansible_group_priority: {
    type: ["integer", "string"], examples: [10],
    description: "Of a group: among groups of one depth the one with the higher number wins. Not given: 1.",
  },
  converge_facts: {
    type: "string", examples: ["facts/dom0a.json"],
    description: "The file that `converge facts --record` wrote of the host; a relative path begins at the file that sets it.",
  },
} as const;

const vars = {
  type: ["object", "null"],
  title: "vars",
  description: "Variables of every host of the group. Those of a group below it, and of a host, are stronger.",
  properties: variables,
  additionalProperties: true,
} as const;

const group = {
  type: ["object", "null"],
  title: "group",
  description: "A group of hosts: its hosts, the groups below it, and variables.",
  additionalProperties: false,
  properties: {
    hosts: {
      type: ["object", "string", "null"], title: "hosts",
      description: "The hosts of the group, each a key: dom0a, or a range as dom0[01:10]. Its value is the host's variables, or nothing.",
      additionalProperties: {
        type: ["object", "null"], title: "host", description: "Variables of the host: the strongest of the inventory.",
        properties: variables, additionalProperties: true,
      },
    },
    children: {
      type: ["object", "string", "null"], title: "children", description: "Groups below this one, each a key.",
      additionalProperties: { $ref: "#/definitions/group" },
    },
    vars,
  },
} as const;

export const inventorySchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "inventory",
  description: "An inventory of Ansible in YAML: a map of groups.",
  type: ["object", "null"],
  additionalProperties: { $ref: "#/definitions/group" },
  properties: { all: { $ref: "#/definitions/group" }, ungrouped: { $ref: "#/definitions/group" } },
  definitions: { group },
} as const;
