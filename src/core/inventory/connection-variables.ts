/** Variables that say how a host is reached; connection.ts reads them, docs/guide/inventory.md lists them. */
export const CONNECTION_VARIABLES: ReadonlySet<string> = new Set([
  "ansible_connection", "ansible_host", "ansible_ssh_host", "ansible_port", "ansible_ssh_port", "ansible_user", "ansible_ssh_user",
  "ansible_ssh_private_key_file", "ansible_private_key_file", "ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_timeout",
  "ansible_ssh_timeout", "ansible_become", "ansible_become_method", "ansible_become_user", "ansible_become_password",
  "ansible_become_pass", "ansible_sudo_pass", "converge_facts",
]);
