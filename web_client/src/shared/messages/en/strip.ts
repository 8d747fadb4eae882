export default {
  live: 'Live',
  frozen: 'Frozen',
  muted: 'Muted',
  masked: 'Masked',
  no_signal: 'No signal',
  interrupted: 'Interrupted',
  label: 'Second strip',
  at: '{clock} {class} {length}',
  cause: '{text}: {cause}',
  coverage: '{percent} covered',
}
