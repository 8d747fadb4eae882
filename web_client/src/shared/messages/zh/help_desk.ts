/** What desks and replay say of a help service in other words than of an inspection. */
export default {
  'live.applicant': '办事人',
  'live.lead': '帮办员',
  'live.assist': '帮办员',
  'live.expert': '旁听',
  'live.interrupted.phone_call': '办事人正在接听来电，{length}',
  'live.interrupted.hidden': '办事人离开了页面，{length}',
  'live.interrupted.camera_lost': '办事人的镜头停了，{length}',
  'live.interrupted.network': '办事人信号断了，{length}',
  'say.label': '说给办事人',
  'request.text': '已请办事人',
} as const
