export default {
  live: '实况',
  frozen: '画面静止',
  muted: '静音',
  masked: '遮挡',
  no_signal: '无信号',
  interrupted: '中断',
  label: '秒带',
  at: '{clock} {class}{length}',
  cause: '{text}：{cause}',
  coverage: '记录完整度{percent}',
}
