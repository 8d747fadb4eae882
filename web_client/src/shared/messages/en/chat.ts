export default {
  none: 'No words or files yet.',
  attach: 'Send a file',
  kinds: 'Pictures, PDF, Word, Excel; up to 10 MB',
  sending: 'Sending {percent}%',
  save: 'Save {name}',
  me: 'Me',
} as const
