/**
 * A record's own member. Names come from playbooks, hosts and command lines: a volume group called `constructor` that a
 * host lacks must not be taken for what every object inherits under that name.
 */
export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
