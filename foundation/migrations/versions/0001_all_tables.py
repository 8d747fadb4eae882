"""All tables."""

import sqlalchemy as sa
from alembic import op

import foundation.db

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audit_log',
    sa.Column('seq', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('at', foundation.db.UtcTime(), nullable=False),
    sa.Column('actor', sa.String(length=120), nullable=False),
    sa.Column('action', sa.String(length=120), nullable=False),
    sa.Column('resource', sa.String(length=200), nullable=False),
    sa.Column('outcome', sa.String(length=10), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.Column('prev_hash', sa.String(length=64), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_audit_log')),
    sa.UniqueConstraint('hash', name=op.f('uq_audit_log_hash'))
    )
    with op.batch_alter_table('audit_log', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_audit_log_actor_seq'), ['actor', 'seq'], unique=False)
        batch_op.create_index(batch_op.f('ix_audit_log_resource_seq'), ['resource', 'seq'], unique=False)

    op.create_table('calls',
    sa.Column('id', sa.String(length=80), nullable=False),
    sa.Column('record', sa.String(length=40), nullable=False),
    sa.Column('started_at', foundation.db.UtcTime(), nullable=False),
    sa.Column('ended_at', foundation.db.UtcTime(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls'))
    )
    with op.batch_alter_table('calls', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_calls_record'), ['record'], unique=False)

    op.create_table('codes',
    sa.Column('holder', sa.String(length=40), nullable=False),
    sa.Column('act', sa.String(length=80), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=True),
    sa.Column('salt', sa.String(length=32), nullable=False),
    sa.Column('expires_at', foundation.db.UtcTime(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('sent', sa.Integer(), nullable=False),
    sa.Column('since', foundation.db.UtcTime(), nullable=False),
    sa.PrimaryKeyConstraint('holder', 'act', name=op.f('pk_codes'))
    )
    op.create_table('command_answers',
    sa.Column('record', sa.String(length=40), nullable=False),
    sa.Column('person', sa.String(length=80), nullable=False),
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('result', foundation.db.Json(), nullable=False),
    sa.Column('at', foundation.db.UtcTime(), nullable=False),
    sa.PrimaryKeyConstraint('record', 'person', 'id', name=op.f('pk_command_answers'))
    )
    with op.batch_alter_table('command_answers', schema=None) as batch_op:
        batch_op.create_index('ix_command_answers_at', ['at'], unique=False)

    op.create_table('event_bodies',
    sa.Column('record', sa.String(length=40), nullable=False),
    sa.Column('seq', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('salt', sa.String(length=32), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('record', 'seq', name=op.f('pk_event_bodies'))
    )
    op.create_table('files',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('record', sa.String(length=40), nullable=False),
    sa.Column('object', sa.String(length=200), nullable=False),
    sa.Column('thumbnail', sa.String(length=200), nullable=True),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('bytes', sa.Integer(), nullable=False),
    sa.Column('mime', sa.String(length=80), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('sender', sa.String(length=80), nullable=False),
    sa.Column('at', foundation.db.UtcTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_files')),
    sa.UniqueConstraint('record', 'sha256', 'sender', name=op.f('uq_files_record_sha256_sender'))
    )
    with op.batch_alter_table('files', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_files_record'), ['record'], unique=False)

    op.create_table('guides',
    sa.Column('slug', sa.String(length=60), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('gloss', sa.String(length=200), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('terms', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('slug', name=op.f('pk_guides'))
    )
    op.create_table('jobs',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('kind', sa.String(length=80), nullable=False),
    sa.Column('payload', foundation.db.Json(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('due_at', foundation.db.UtcTime(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('lease_until', foundation.db.UtcTime(), nullable=True),
    sa.Column('lease_by', sa.String(length=40), nullable=True),
    sa.Column('progress', sa.Integer(), nullable=False),
    sa.Column('result', foundation.db.Json(), nullable=True),
    sa.Column('error', sa.String(length=40), nullable=True),
    sa.Column('owner', sa.String(length=80), nullable=False),
    sa.Column('key', sa.String(length=200), nullable=True),
    sa.Column('created_at', foundation.db.UtcTime(), nullable=False),
    sa.Column('done_at', foundation.db.UtcTime(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_jobs')),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('jobs', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_jobs_key'), ['key'], unique=True, sqlite_where=sa.text('key IS NOT NULL'), postgresql_where=sa.text('key IS NOT NULL'))
        batch_op.create_index(batch_op.f('ix_jobs_state_due_at'), ['state', 'due_at'], unique=False, sqlite_where=sa.text('done_at IS NULL'), postgresql_where=sa.text('done_at IS NULL'))

    op.create_table('legs',
    sa.Column('leg', sa.String(length=40), nullable=False),
    sa.Column('record', sa.String(length=40), nullable=False),
    sa.Column('person', sa.String(length=80), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('role', sa.String(length=20), nullable=False),
    sa.Column('position', sa.Integer(), nullable=True),
    sa.Column('node', sa.String(length=80), nullable=False),
    sa.Column('connection', sa.String(length=40), nullable=False),
    sa.Column('resume_hash', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('cause', sa.String(length=20), nullable=False),
    sa.Column('since', foundation.db.UtcTime(), nullable=False),
    sa.Column('tracks', foundation.db.Json(), nullable=False),
    sa.Column('publishing', sa.Boolean(), nullable=False),
    sa.Column('subscribed', sa.Boolean(), nullable=False),
    sa.Column('stalled', sa.Boolean(), nullable=False),
    sa.Column('media_since', foundation.db.UtcTime(), nullable=True),
    sa.PrimaryKeyConstraint('leg', name=op.f('pk_legs')),
    sa.UniqueConstraint('record', 'person', name=op.f('uq_legs_record_person')),
    sa.UniqueConstraint('record', 'position', name=op.f('uq_legs_record_position'))
    )
    with op.batch_alter_table('legs', schema=None) as batch_op:
        batch_op.create_index('ix_legs_state', ['state'], unique=False)

    op.create_table('manifests',
    sa.Column('record', sa.String(length=40), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('at', foundation.db.UtcTime(), nullable=False),
    sa.Column('final', sa.Boolean(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('stamp', sa.LargeBinary(), nullable=True),
    sa.PrimaryKeyConstraint('record', 'version', name=op.f('pk_manifests'))
    )
    op.create_table('matters',
    sa.Column('slug', sa.String(length=60), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('gloss', sa.String(length=200), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('published_at', foundation.db.UtcTime(), nullable=False),
    sa.PrimaryKeyConstraint('slug', 'version', name=op.f('pk_matters'))
    )
    op.create_table('notices',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('about', sa.String(length=40), nullable=False),
    sa.Column('record', sa.String(length=40), nullable=True),
    sa.Column('kind', sa.String(length=30), nullable=False),
    sa.Column('phone', sa.String(length=20), nullable=False),
    sa.Column('text_zh', sa.Text(), nullable=False),
    sa.Column('text_en', sa.Text(), nullable=False),
    sa.Column('secret_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('lang', sa.String(length=2), nullable=False),
    sa.Column('at', foundation.db.UtcTime(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('sent_at', foundation.db.UtcTime(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notices'))
    )
    with op.batch_alter_table('notices', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_notices_about'), ['about'], unique=False)

    op.create_table('number_counters',
    sa.Column('line', sa.String(length=40), nullable=False),
    sa.Column('day', sa.String(length=10), nullable=False),
    sa.Column('last', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('line', 'day', name=op.f('pk_number_counters'))
    )
    op.create_table('offices',
    sa.Column('code', sa.String(length=20), nullable=False),
    sa.Column('parent', sa.String(length=20), nullable=True),
    sa.Column('level', sa.String(length=12), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('gloss', sa.String(length=200), nullable=False),
    sa.Column('short', sa.String(length=60), nullable=False),
    sa.Column('address', sa.String(length=300), nullable=False),
    sa.Column('lat', sa.Float(), nullable=True),
    sa.Column('lon', sa.Float(), nullable=True),
    sa.Column('phone', sa.String(length=40), nullable=False),
    sa.Column('hours', foundation.db.Json(), nullable=False),
    sa.Column('inspection_matters', foundation.db.Json(), nullable=False),
    sa.Column('help_matters', foundation.db.Json(), nullable=False),
    sa.ForeignKeyConstraint(['parent'], ['offices.code'], name=op.f('fk_offices_parent')),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_offices'))
    )
    op.create_table('people',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('phone', sa.String(length=20), nullable=False),
    sa.Column('created_at', foundation.db.UtcTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_people'))
    )
    op.create_table('photos',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('record', sa.String(length=40), nullable=False),
    sa.Column('object', sa.String(length=200), nullable=False),
    sa.Column('thumbnail', sa.String(length=200), nullable=True),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('bytes', sa.Integer(), nullable=False),
    sa.Column('mime', sa.String(length=20), nullable=False),
    sa.Column('width', sa.Integer(), nullable=False),
    sa.Column('height', sa.Integer(), nullable=False),
    sa.Column('at', foundation.db.UtcTime(), nullable=False),
    sa.Column('request', sa.String(length=80), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_photos')),
    sa.UniqueConstraint('record', 'sha256', 'request', name=op.f('uq_photos_record_sha256_request'))
    )
    with op.batch_alter_table('photos', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_photos_record'), ['record'], unique=False)

    op.create_table('placements',
    sa.Column('call', sa.String(length=40), nullable=False),
    sa.Column('record', sa.String(length=40), nullable=False),
    sa.Column('worker', sa.String(length=80), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('placed_at', foundation.db.UtcTime(), nullable=False),
    sa.Column('ended_at', foundation.db.UtcTime(), nullable=True),
    sa.PrimaryKeyConstraint('call', name=op.f('pk_placements'))
    )
    with op.batch_alter_table('placements', schema=None) as batch_op:
        batch_op.create_index('ix_placements_record', ['record'], unique=False)

    op.create_table('record_events',
    sa.Column('record', sa.String(length=40), nullable=False),
    sa.Column('seq', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('at', foundation.db.UtcTime(), nullable=False),
    sa.Column('actor', sa.String(length=80), nullable=False),
    sa.Column('tag', sa.String(length=80), nullable=False),
    sa.Column('media_time_ns', sa.BigInteger(), nullable=True),
    sa.Column('media_error_ns', sa.BigInteger(), nullable=True),
    sa.Column('body_hash', sa.String(length=64), nullable=False),
    sa.Column('prev_hash', sa.String(length=64), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('record', 'seq', name=op.f('pk_record_events'))
    )
    op.create_table('record_keys',
    sa.Column('record', sa.String(length=40), nullable=False),
    sa.Column('wrapped', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', foundation.db.UtcTime(), nullable=False),
    sa.PrimaryKeyConstraint('record', name=op.f('pk_record_keys'))
    )
    op.create_table('recording_clusters',
    sa.Column('epoch', sa.String(length=48), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('part', sa.Integer(), nullable=False),
    sa.Column('part_offset', sa.Integer(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('t_ms', sa.Integer(), nullable=False),
    sa.Column('d_ms', sa.Integer(), nullable=False),
    sa.Column('keyframe', sa.Boolean(), nullable=False),
    sa.Column('video_frames', sa.Integer(), nullable=False),
    sa.Column('audio_frames', sa.Integer(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('sm3', sa.String(length=64), nullable=False),
    sa.Column('chain', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('epoch', 'n', name=op.f('pk_recording_clusters'))
    )
    op.create_table('recording_epochs',
    sa.Column('epoch', sa.String(length=48), nullable=False),
    sa.Column('record', sa.String(length=40), nullable=False),
    sa.Column('session', sa.String(length=40), nullable=False),
    sa.Column('leg', sa.String(length=40), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('worker', sa.String(length=80), nullable=False),
    sa.Column('start_wall_ns', sa.BigInteger(), nullable=False),
    sa.Column('error_ms', sa.Integer(), nullable=False),
    sa.Column('mime', sa.String(length=60), nullable=False),
    sa.Column('length_ms', sa.Integer(), nullable=False),
    sa.Column('clusters', sa.Integer(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('closed', sa.Boolean(), nullable=False),
    sa.Column('init_object', sa.String(length=200), nullable=False),
    sa.Column('final_object', sa.String(length=200), nullable=True),
    sa.Column('final_sha256', sa.String(length=64), nullable=True),
    sa.Column('cues_object', sa.String(length=200), nullable=True),
    sa.Column('cues_sha256', sa.String(length=64), nullable=True),
    sa.Column('chain', sa.String(length=64), nullable=False),
    sa.Column('chain_sm3', sa.String(length=64), nullable=False),
    sa.Column('facts', foundation.db.Json(), nullable=False),
    sa.PrimaryKeyConstraint('epoch', name=op.f('pk_recording_epochs'))
    )
    with op.batch_alter_table('recording_epochs', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_recording_epochs_record_start_wall_ns'), ['record', 'start_wall_ns'], unique=False)

    op.create_table('recording_parts',
    sa.Column('epoch', sa.String(length=48), nullable=False),
    sa.Column('first', sa.Integer(), nullable=False),
    sa.Column('clusters', sa.Integer(), nullable=False),
    sa.Column('object', sa.String(length=200), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('epoch', 'first', name=op.f('pk_recording_parts')),
    sa.UniqueConstraint('object', name=op.f('uq_recording_parts_object'))
    )
    op.create_table('replay_views',
    sa.Column('view', sa.String(length=40), nullable=False),
    sa.Column('record', sa.String(length=40), nullable=False),
    sa.Column('actor', sa.String(length=80), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('purpose', sa.String(length=20), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('at', foundation.db.UtcTime(), nullable=False),
    sa.PrimaryKeyConstraint('view', name=op.f('pk_replay_views'))
    )
    with op.batch_alter_table('replay_views', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_replay_views_actor_at'), ['actor', 'at'], unique=False)
        batch_op.create_index(batch_op.f('ix_replay_views_record_at'), ['record', 'at'], unique=False)

    op.create_table('report_revisions',
    sa.Column('record', sa.String(length=40), nullable=False),
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('object', sa.String(length=200), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('report_object', sa.String(length=200), nullable=False),
    sa.Column('report_sha256', sa.String(length=64), nullable=False),
    sa.Column('created_at', foundation.db.UtcTime(), nullable=False),
    sa.PrimaryKeyConstraint('record', 'number', name=op.f('pk_report_revisions'))
    )
    with op.batch_alter_table('report_revisions', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_report_revisions_sha256'), ['sha256'], unique=False)

    op.create_table('signature_leases',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('record', sa.String(length=40), nullable=False),
    sa.Column('field', sa.String(length=40), nullable=False),
    sa.Column('party', sa.String(length=80), nullable=False),
    sa.Column('base', sa.Integer(), nullable=False),
    sa.Column('open', sa.Integer(), nullable=True),
    sa.Column('expires_at', foundation.db.UtcTime(), nullable=False),
    sa.Column('remark', sa.Text(), nullable=False),
    sa.Column('object', sa.String(length=200), nullable=True),
    sa.Column('prepared', sa.LargeBinary(), nullable=True),
    sa.Column('signature', sa.LargeBinary(), nullable=True),
    sa.Column('result_sha256', sa.String(length=64), nullable=True),
    sa.Column('created_at', foundation.db.UtcTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_signature_leases')),
    sa.UniqueConstraint('record', 'open', name=op.f('uq_signature_leases_record_open'))
    )
    with op.batch_alter_table('signature_leases', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_signature_leases_record'), ['record'], unique=False)

    op.create_table('signatures',
    sa.Column('record', sa.String(length=40), nullable=False),
    sa.Column('field', sa.String(length=40), nullable=False),
    sa.Column('ordinal', sa.Integer(), nullable=False),
    sa.Column('role', sa.String(length=20), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('party', sa.String(length=80), nullable=False),
    sa.Column('identified', sa.Text(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('at', foundation.db.UtcTime(), nullable=True),
    sa.Column('remark', sa.Text(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=True),
    sa.Column('certificate', sa.LargeBinary(), nullable=True),
    sa.Column('certificate_serial', sa.String(length=40), nullable=True),
    sa.PrimaryKeyConstraint('record', 'field', name=op.f('pk_signatures'))
    )
    with op.batch_alter_table('signatures', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_signatures_certificate_serial'), ['certificate_serial'], unique=False)

    op.create_table('revocations',
    sa.Column('serial', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=80), nullable=False),
    sa.Column('at', foundation.db.UtcTime(), nullable=False),
    sa.Column('why', sa.String(length=30), nullable=False),
    sa.PrimaryKeyConstraint('serial', name=op.f('pk_revocations'))
    )
    op.create_table('signing_keys',
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('certificate', sa.LargeBinary(), nullable=False),
    sa.Column('sealed_key', sa.LargeBinary(), nullable=False),
    sa.Column('crl', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', foundation.db.UtcTime(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_signing_keys'))
    )
    op.create_table('cases',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('number', sa.String(length=20), nullable=False),
    sa.Column('office', sa.String(length=20), nullable=False),
    sa.Column('matter', sa.String(length=60), nullable=False),
    sa.Column('person', sa.String(length=40), nullable=False),
    sa.Column('business_name', sa.String(length=120), nullable=False),
    sa.Column('address', sa.String(length=300), nullable=False),
    sa.Column('lat', sa.Float(), nullable=True),
    sa.Column('lon', sa.Float(), nullable=True),
    sa.Column('facts', foundation.db.Json(), nullable=False),
    sa.Column('documents_ok', sa.Boolean(), nullable=False),
    sa.Column('created_at', foundation.db.UtcTime(), nullable=False),
    sa.Column('created_by', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['office'], ['offices.code'], name=op.f('fk_cases_office')),
    sa.ForeignKeyConstraint(['person'], ['people.id'], name=op.f('fk_cases_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cases')),
    sa.UniqueConstraint('office', 'number', name=op.f('uq_cases_office_number'))
    )
    op.create_table('lines',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('office', sa.String(length=20), nullable=False),
    sa.Column('letter', sa.String(length=2), nullable=False),
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('gloss', sa.String(length=120), nullable=False),
    sa.Column('guides', foundation.db.Json(), nullable=False),
    sa.ForeignKeyConstraint(['office'], ['offices.code'], name=op.f('fk_lines_office')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lines')),
    sa.UniqueConstraint('office', 'letter', name=op.f('uq_lines_office_letter'))
    )
    op.create_table('staff',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('account', sa.String(length=60), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('office', sa.String(length=20), nullable=False),
    sa.Column('roles', foundation.db.Json(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('created_at', foundation.db.UtcTime(), nullable=False),
    sa.ForeignKeyConstraint(['office'], ['offices.code'], name=op.f('fk_staff_office')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_staff')),
    sa.UniqueConstraint('account', name=op.f('uq_staff_account'))
    )
    with op.batch_alter_table('staff', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_staff_office'), ['office'], unique=False)

    op.create_table('accounts',
    sa.Column('account', sa.String(length=60), nullable=False),
    sa.Column('staff', sa.String(length=40), nullable=False),
    sa.Column('password_hash', sa.String(length=200), nullable=False),
    sa.Column('failures', sa.Integer(), server_default='0', nullable=False),
    sa.Column('locked_until', foundation.db.UtcTime(), nullable=True),
    sa.ForeignKeyConstraint(['staff'], ['staff.id'], name=op.f('fk_accounts_staff')),
    sa.PrimaryKeyConstraint('account', name=op.f('pk_accounts')),
    sa.UniqueConstraint('staff', name=op.f('uq_accounts_staff'))
    )
    op.create_table('login_sessions',
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('staff', sa.String(length=40), nullable=False),
    sa.Column('began_at', foundation.db.UtcTime(), nullable=False),
    sa.Column('seen_at', foundation.db.UtcTime(), nullable=False),
    sa.Column('address', sa.String(length=60), nullable=False),
    sa.ForeignKeyConstraint(['staff'], ['staff.id'], name=op.f('fk_login_sessions_staff')),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_login_sessions'))
    )
    with op.batch_alter_table('login_sessions', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_login_sessions_staff'), ['staff'], unique=False)

    op.create_table('records',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('case', sa.String(length=40), nullable=False),
    sa.Column('office', sa.String(length=20), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('round', sa.Integer(), nullable=False),
    sa.Column('matter_version', sa.Integer(), nullable=False),
    sa.Column('scheduled_at', foundation.db.UtcTime(), nullable=False),
    sa.Column('created_at', foundation.db.UtcTime(), nullable=False),
    sa.Column('phase', sa.String(length=12), nullable=False),
    sa.Column('lead', sa.String(length=40), nullable=True),
    sa.Column('assist', sa.String(length=40), nullable=True),
    sa.Column('waiting_since', foundation.db.UtcTime(), nullable=True),
    sa.Column('device_ok', sa.Boolean(), nullable=True),
    sa.Column('call', sa.String(length=80), nullable=True),
    sa.Column('result', sa.String(length=30), nullable=True),
    sa.Column('concluded_at', foundation.db.UtcTime(), nullable=True),
    sa.Column('signed', sa.Integer(), nullable=False),
    sa.Column('to_sign', sa.Integer(), nullable=False),
    sa.Column('coverage', sa.Float(), nullable=True),
    sa.Column('sealed', sa.Boolean(), nullable=False),
    sa.Column('standing', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['case'], ['cases.id'], name=op.f('fk_records_case')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_records')),
    sa.UniqueConstraint('case', 'round', name=op.f('uq_records_case_round'))
    )
    with op.batch_alter_table('records', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_records_case'), ['case'], unique=False)
        batch_op.create_index(batch_op.f('ix_records_office_phase_waiting_since'), ['office', 'phase', 'waiting_since'], unique=False)
        batch_op.create_index(batch_op.f('ix_records_office_scheduled_at'), ['office', 'scheduled_at'], unique=False)

    op.create_table('tickets',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('office', sa.String(length=20), nullable=False),
    sa.Column('queue', sa.String(length=40), nullable=False),
    sa.Column('day', sa.String(length=10), nullable=False),
    sa.Column('letter', sa.String(length=2), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('minutes', sa.Float(), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('priority', sa.String(length=10), nullable=False),
    sa.Column('band', sa.Integer(), nullable=False),
    sa.Column('rank', foundation.db.UtcTime(), nullable=False),
    sa.Column('came', foundation.db.UtcTime(), nullable=False),
    sa.Column('slot', foundation.db.UtcTime(), nullable=True),
    sa.Column('away_until', foundation.db.UtcTime(), nullable=True),
    sa.Column('calls', sa.Integer(), nullable=False),
    sa.Column('called_at', foundation.db.UtcTime(), nullable=True),
    sa.Column('missed_at', foundation.db.UtcTime(), nullable=True),
    sa.Column('window', sa.String(length=40), nullable=True),
    sa.Column('handed_to', sa.String(length=40), nullable=True),
    sa.Column('held_until', foundation.db.UtcTime(), nullable=True),
    sa.Column('guide', sa.String(length=60), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('phone', sa.String(length=20), nullable=True),
    sa.Column('lang', sa.String(length=2), nullable=False),
    sa.Column('holder_hash', sa.String(length=64), nullable=False),
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('taken_at', foundation.db.UtcTime(), nullable=False),
    sa.Column('told_near_at', foundation.db.UtcTime(), nullable=True),
    sa.Column('ended_at', foundation.db.UtcTime(), nullable=True),
    sa.Column('moves', sa.Integer(), nullable=False),
    sa.Column('video', sa.Boolean(), nullable=False),
    sa.Column('record', sa.String(length=40), nullable=True),
    sa.ForeignKeyConstraint(['queue'], ['lines.id'], name=op.f('fk_tickets_queue')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tickets')),
    sa.UniqueConstraint('record', name=op.f('uq_tickets_record')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_tickets_token_hash'))
    )
    with op.batch_alter_table('tickets', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_tickets_handed_to'), ['handed_to'], unique=False, sqlite_where=sa.text('handed_to IS NOT NULL AND ended_at IS NULL'), postgresql_where=sa.text('handed_to IS NOT NULL AND ended_at IS NULL'))
        batch_op.create_index(batch_op.f('ix_tickets_holder_hash'), ['holder_hash'], unique=False, sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))
        batch_op.create_index(batch_op.f('ix_tickets_phone'), ['phone'], unique=False, sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))
        batch_op.create_index(batch_op.f('ix_tickets_queue_band_rank_came_id'), ['queue', 'band', 'rank', 'came', 'id'], unique=False, sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))
        batch_op.create_index(batch_op.f('ix_tickets_window'), ['window'], unique=False, sqlite_where=sa.text('"window" IS NOT NULL AND ended_at IS NULL'), postgresql_where=sa.text('"window" IS NOT NULL AND ended_at IS NULL'))

    op.create_table('windows',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('office', sa.String(length=20), nullable=False),
    sa.Column('number', sa.String(length=10), nullable=False),
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('gloss', sa.String(length=120), nullable=False),
    sa.Column('line', sa.String(length=40), nullable=False),
    sa.Column('agent', sa.String(length=40), nullable=True),
    sa.Column('opened_at', foundation.db.UtcTime(), nullable=True),
    sa.Column('away', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['line'], ['lines.id'], name=op.f('fk_windows_line')),
    sa.ForeignKeyConstraint(['office'], ['offices.code'], name=op.f('fk_windows_office')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_windows')),
    sa.UniqueConstraint('agent', name=op.f('uq_windows_agent')),
    sa.UniqueConstraint('office', 'number', name=op.f('uq_windows_office_number'))
    )
    with op.batch_alter_table('windows', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_windows_line'), ['line'], unique=False)

    op.create_table('invitations',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('record', sa.String(length=40), nullable=False),
    sa.Column('role', sa.String(length=20), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('phone', sa.String(length=20), nullable=False),
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('token_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', foundation.db.UtcTime(), nullable=False),
    sa.Column('created_by', sa.String(length=40), nullable=False),
    sa.Column('expires_at', foundation.db.UtcTime(), nullable=False),
    sa.Column('revoked_at', foundation.db.UtcTime(), nullable=True),
    sa.Column('session_hash', sa.String(length=64), nullable=True),
    sa.Column('device', sa.String(length=120), nullable=True),
    sa.Column('joined_at', foundation.db.UtcTime(), nullable=True),
    sa.ForeignKeyConstraint(['record'], ['records.id'], name=op.f('fk_invitations_record')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invitations')),
    sa.UniqueConstraint('session_hash', name=op.f('uq_invitations_session_hash')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_invitations_token_hash'))
    )
    with op.batch_alter_table('invitations', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_invitations_record'), ['record'], unique=False)

    op.create_table('ratings',
    sa.Column('ticket', sa.String(length=40), nullable=False),
    sa.Column('at', foundation.db.UtcTime(), nullable=False),
    sa.Column('level', sa.Integer(), nullable=False),
    sa.Column('reasons', foundation.db.Json(), nullable=False),
    sa.Column('words', sa.Text(), nullable=False),
    sa.Column('call_back', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['ticket'], ['tickets.id'], name=op.f('fk_ratings_ticket')),
    sa.PrimaryKeyConstraint('ticket', name=op.f('pk_ratings'))
    )
    op.create_table('ticket_moves',
    sa.Column('ticket', sa.String(length=40), nullable=False),
    sa.Column('seq', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('at', foundation.db.UtcTime(), nullable=False),
    sa.Column('act', sa.String(length=12), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('actor', sa.String(length=120), nullable=False),
    sa.Column('window', sa.String(length=40), nullable=True),
    sa.Column('queue', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['ticket'], ['tickets.id'], name=op.f('fk_ticket_moves_ticket')),
    sa.PrimaryKeyConstraint('ticket', 'seq', name=op.f('pk_ticket_moves')),
    sqlite_with_rowid=False
    )
