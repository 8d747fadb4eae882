/** Head and foot of every page of a phone. */
export default {
  'head.large': '大字',
  'head.lang': 'EN',
  'head.text': '字号',
  'text.1': '标准',
  'text.2': '大',
  'text.3': '特大',
  'text.4': '超大',
  'foot.help': '需要帮助？{phone}',
}
