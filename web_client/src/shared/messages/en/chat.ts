export default {
  none: 'No words or files yet.',
  attach: 'Send a file',
  kinds: 'Pictures, PDF, Word, Excel; up to 10 MB',
  sending: 'Sending {percent}%',
  save: 'Save {name}',
  look: 'See it whole: {name}',
  close: 'Close',
  broken: 'This picture cannot be shown here. Save it, then open it.',
  'save.it': 'Save',
  me: 'Me',
} as const
