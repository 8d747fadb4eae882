/** 公开核对页的文字。 */
export default {
  'asking': '正在核对…',
  'good': '是本机关签发的原件，没有改动：{number}',
  'bad': '文件在本机关留存，但还不能认可：{number}',
  'unknown': '与本机关留存的勘验单都不一致',
  'unreachable': '连不上服务器，没有核对。请稍后再试。',
  'identity': '身份核验：{how}',
  'said': '签名时写明：{words}',
  'paper': '纸上的编号{number}，{office}于{at}封存。原件的校验值如下。',
  'call': '电话：{phone}',
  'role.system': '系统签发',
  'role.applicant': '申请人',
  'role.lead': '主勘人员',
  'role.assist': '协勘人员',
  'role.expert': '专家',
  'role.witness': '见证人',
  'role.seal': '机关印章',
}
