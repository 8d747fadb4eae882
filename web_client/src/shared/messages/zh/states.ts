export default {
  loading: '正在打开…',
  slow: '网络有点慢，仍在打开。',
  retry: '再试',
  offline: '网络断开。已填内容都在，恢复后自动继续。',
  reconnecting: '正在重新连接…',
  refused: '您没有查看权限。请联系{role}。',
  fault: '系统暂时不能用，内容已保存。请{minutes}分钟后再试，或拨打{phone}。',
  saved: '已保存 {time}',
  code: '提示编号{code}',
  call: '拨打{phone}',
}
