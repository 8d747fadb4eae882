/** 大厅墙屏的文字。 */
export default {
  'title': '叫号 · {office}',
  'heading': '叫号',
  'called': '请到窗口',
  'window': '{window}窗口',
  'none': '现在没有叫号。取了号的，请看右边排到哪里。',
  'next': '下一批',
  'waiting': '等候{n}人',
  'wait.unknown': '暂不能估计',
  'page': '第{n}页，共{all}页',
  'old': '显示中断，请听广播。',
  'old.since': '停在{time}',
  'sound': '打开声音',
  'sound.why': '本屏还没有声音。请用鼠标或键盘点一次。',
  'voice.none': '本机没有这种语言的语音，只有提示音。',
  'missing': '没有这个大厅。请核对屏幕的地址。',
  'call.spoken': '请{label}号，到{window}号窗口',
} as const
