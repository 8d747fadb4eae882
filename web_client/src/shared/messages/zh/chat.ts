/** Words and files of a help call, the same for both sides. */
export default {
  none: '还没有文字和文件。',
  attach: '发文件',
  kinds: '照片、PDF、Word、Excel，10MB以内',
  sending: '正在发 {percent}%',
  save: '保存{name}',
  look: '看大图：{name}',
  close: '关闭',
  broken: '这里显示不了这张图片。请保存后打开。',
  'save.it': '保存',
  me: '我',
} as const
