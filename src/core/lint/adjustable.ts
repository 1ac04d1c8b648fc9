/**
 * Complaints of reading a file that forbid nothing: they can be silenced and weighed as rules can. What is an error
 * there is one for every command, and stays one here.
 */
export const ADJUSTABLE: ReadonlyMap<string, string> = new Map([
  ["duplicate-key", "A key of an inventory stands twice; the last one counts. (Twice in a playbook it is an error.)"],
  ["empty-playbook", "A playbook has no plays."],
  ["hidden-variable", "A volume uses `domain` or `vdev`, and a variable of that name is hidden."],
  ["host-pattern", "A glob or a regular expression over hosts matches nothing. (A plain name is an error.)"],
  ["host-and-group", "A host and a group have one name; the host's variables go to the group."],
  ["host-range", "A range stands for no host. (One that is none is an error.)"],
  ["ini-syntax", "A word that looks like something else is taken for a host's name. (What can not be read is an error.)"],
  ["inventory-form", "A part of an inventory is passed over, an inventory is empty, or a host is in no group."],
  ["key-not-text", "The name of a variable is a number or a word of YAML's. (A list or a map as a key is an error.)"],
  ["more-complaints", "There are more complaints about one file than are shown."],
  ["silence-unused", "A comment silences a rule that finds nothing there."],
  ["silence-without-reason", "A comment silences a rule and does not say why."],
  ["unknown-key", "A key of an inventory's group is passed over. (In a playbook it is an error.)"],
  ["vault-sealed", "Vaults were left shut for want of a password; what depends on them is not judged."],
]);
