export default {
  'head.large': 'Large text',
  'head.lang': '中文',
  'head.text': 'Text size',
  'text.1': 'Standard',
  'text.2': 'Large',
  'text.3': 'Larger',
  'text.4': 'Largest',
  'foot.help': 'Need help? {phone}',
}
