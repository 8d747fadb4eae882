export default {
  loading: 'Opening…',
  slow: 'Slow network, still opening.',
  retry: 'Retry',
  offline: 'Offline. Input kept; resumes by itself.',
  reconnecting: 'Reconnecting…',
  refused: 'You may not view this. Ask {role}.',
  fault: 'The service is down; your input is saved. Try in {minutes} minutes or call {phone}.',
  saved: 'Saved {time}',
  code: 'Code {code}',
  call: 'Call {phone}',
}
