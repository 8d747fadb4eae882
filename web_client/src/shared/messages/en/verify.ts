/** Words of the public page that verifies a sheet. */
export default {
  'asking': 'Checking…',
  'good': 'The original as this office issued it, unchanged: {number}',
  'bad': 'The office keeps this file, but it cannot be accepted yet: {number}',
  'unknown': 'Not the same as any sheet that this office keeps',
  'unreachable': 'The server cannot be reached; nothing was checked. Try again later.',
  'identity': 'Identity check: {how}',
  'said': 'Said when signing: {words}',
  'paper': 'Number {number} on the paper, sealed by {office} on {at}. The hash of its original:',
  'call': 'Telephone: {phone}',
  'role.system': 'System',
  'role.applicant': 'Applicant',
  'role.lead': 'Lead officer',
  'role.assist': 'Assisting officer',
  'role.expert': 'Expert',
  'role.witness': 'Witness',
  'role.seal': 'Office seal',
}
