"""The words of the time line: one pair (Chinese, English) per event, cause, value, step and result. Data only."""

Pair = tuple[str, str]

ROLES: dict[str, Pair] = {
    "applicant": ("申请人", "Applicant"),
    "lead": ("主勘", "Lead officer"),
    "assist": ("协勘", "Assisting officer"),
    "officer": ("勘验人员", "Officer"),
    "expert": ("专家", "Expert"),
    "witness": ("见证人", "Witness"),
    "worker": ("系统", "System"),
    "system": ("系统", "System"),
    "seal": ("机关", "Office"),
}

# One vocabulary for phone, desk, strip and time line: the web client is given this very table (server.typescript).
# From the phone: phone_call … network. From the connection: left … media_stalled. From our own machines: worker_… on.
CAUSES: dict[str, Pair] = {
    "phone_call": ("接听来电", "took a phone call"),
    "hidden": ("离开了本页", "left the page"),
    "camera_lost": ("镜头不能用", "lost the camera"),
    "network": ("网络断开", "lost the network"),
    "connection": ("没有连上", "was not connected"),
    "left": ("退出了通话", "left the call"),
    "lost": ("网络断开", "lost the network"),
    "closed": ("关闭了页面", "closed the page"),
    "replaced": ("换了手机", "moved to another phone"),
    "media_stalled": ("没有传来画面和声音", "sent neither picture nor sound"),
    "no_media": ("没有传来画面和声音", "sent neither picture nor sound"),
    "worker_died": ("所在的媒体服务中断", "was on a media server that stopped"),
    "worker_lost": ("所在的媒体服务中断", "was on a media server that stopped"),
    "worker_drained": ("转到了另一台媒体服务", "was moved to another media server"),
    "journal_damaged": ("的录像日志损坏", "had a damaged journal"),
    "no_picture": ("没有新画面", "sent no new picture"),
    "no_sound": ("没有声音", "sent no sound"),
    "microphone": ("关闭了话筒", "turned the microphone off"),
    "camera": ("关闭了镜头", "turned the camera off"),
    "both": ("关闭了镜头和话筒", "turned camera and microphone off"),
    "officer": ("按要求遮挡", "was covered on request"),
    "disk_full": ("没有录上：磁盘已满", "was not recorded: the disk was full"),
    "disk_slow": ("没有录上：磁盘没有响应", "was not recorded: the disk did not answer"),
    "disk_read_only": ("没有录上：磁盘只读", "was not recorded: the disk could not be written to"),
    "disk_failed": ("没有录上：磁盘故障", "was not recorded: the disk failed"),
    "journal_taken": ("没有录上：媒体服务停顿过久", "was not recorded: the media server had stood still"),
    "write_failed": ("没有录上：写入失败", "was not recorded: writing failed"),
    "other": ("原因不明", "for an unknown reason"),
}

# What is wrong with a picture or a line (media.quality), for the desk's sign and the replay; the phone says what to do.
FINDINGS: dict[str, Pair] = {
    "good": ("恢复正常", "well again"),
    "covered": ("镜头被挡住", "Lens covered"),
    "dark": ("偏暗", "Dim"),
    "fast": ("移动太快", "Moving too fast"),
    "blurred": ("画面模糊", "Blurred"),
    "still": ("画面不动", "Nothing moves"),
    "weak": ("网络偏弱", "Weak network"),
}

STEPS: dict[str, Pair] = {
    "identity": ("核对身份", "Identity checked"),
    "show_credentials": ("出示执法证件", "Credentials shown"),
    "tell_rights": ("告知权利义务", "Rights told"),
    "consent_to_recording": ("同意录音录像", "Recording agreed to"),
    "walk_round": ("全景走一圈", "Walk-round"),
    "read_back": ("核对记录", "Record read back"),
}

# By subject and action of the tag. Unknown tags are shown by their own words: new code may write what old code reads.
WORDS: dict[str, Pair] = {
    "consent:given": ("{who}同意录音录像", "{who} agreed to the recording"),
    "consent:refused": ("{who}不同意录音录像", "{who} refused the recording"),
    "device:checked": ("{who}检查了手机", "{who} checked the phone"),
    "wait:entered": ("{who}进入等候", "{who} entered the waiting room"),
    "wait:messaged": ("{who}留言：{text}", "{who} left a message: {text}"),
    "witness:named": ("请来见证人：{name}", "Named as witness: {name}"),
    "officer:assigned": ("指定{who}：{name}", "Assigned as {who}: {name}"),
    "call:started": ("{who}开始通话", "{who} started the call"),
    "call:ended": ("{who}结束通话", "{who} ended the call"),
    "call:left": ("{who}退出通话", "{who} left the call"),
    "person:joined": ("{who}加入：{name}", "{who} joined: {name}"),
    "person:left": ("{who}离开：{name}", "{who} left: {name}"),
    "interruption:reported": ("{who}{cause}，画面中断", "{who} {cause}; picture interrupted"),
    "message:said": ("{who}：{text}", "{who}: {text}"),
    "request:made": ("{who}请申请人：{text}", "{who} asked: {text}"),
    "request:answered": ("{who}回应请求：{text}", "{who} answered a request: {text}"),
    "place:reported": ("{who}报告位置", "{who} reported the place"),
    "track:muted": ("{who}关闭了话筒或镜头", "{who} muted microphone or camera"),
    "track:unmuted": ("{who}打开了话筒或镜头", "{who} unmuted microphone or camera"),
    "mask:on": ("{who}开始遮挡画面", "{who} covered the picture"),
    "mask:off": ("{who}取消遮挡", "{who} uncovered the picture"),
    "step:done": ("{step}", "{step}"),
    "answer:set": ("{item} {value}", "{item}: {value}"),
    "photo:asked": ("{who}请拍照：{text}", "{who} asked for a photo: {text}"),
    "photo:taken": ("照片 {item}", "Photo {item}"),
    "photo:refused": ("{who}没有拍照：{text}", "{who} did not take the photo: {text}"),
    "record:closed": ("结果：{result}", "Result: {result}"),
    "sheet:read": ("{who}阅读了勘验单", "{who} read the sheet"),
    "sheet:objected": ("{who}提出异议：{text}", "{who} objected: {text}"),
    "report:built": ("记录单已生成", "Sheet issued"),
    "signature:made": ("{who}签名：{name}", "{who} signed: {name}"),
    "signature:refused": ("{who}不签名：{text}", "{who} refused to sign: {text}"),
    "service:offered": ("{who}转往{window}窗口：{text}", "{who} hands over to window {window}: {text}"),
    "service:taken": ("{window}窗口接办：{name}", "Window {window} takes over: {name}"),
    "service:returned": ("{window}窗口没有接，回到原窗口", "Window {window} did not take it; it stays where it was"),
    "card:pushed": ("{who}发步骤卡：{text}", "{who} sent a step card: {text}"),
    "card:ticked": ("{who}完成一步：{text}", "{who} did a step: {text}"),
    "recording:lost": ("录音录像中断：{cause}", "Recording interrupted: {cause}"),
    "recording:resumed": ("录音录像恢复", "Recording goes on"),
    "quality:changed": ("画面和网络：{finding}", "Picture and network: {finding}"),
    "seal:made": ("机关盖章", "Office seal"),
    "record:sealed": ("案卷已封存", "Record sealed"),
}
