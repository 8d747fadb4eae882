export default {
  'live.applicant': 'Citizen',
  'live.lead': 'Agent',
  'live.assist': 'Agent',
  'live.expert': 'Onlooker',
  'live.interrupted.phone_call': 'Citizen on a phone call, {length}',
  'live.interrupted.hidden': 'The citizen left the page, {length}',
  'live.interrupted.camera_lost': "The citizen's camera stopped, {length}",
  'live.interrupted.network': "The citizen's signal is lost, {length}",
  'say.label': 'Say to the citizen',
  'request.text': 'Asked',
} as const
