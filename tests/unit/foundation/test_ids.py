from hypothesis import given
from hypothesis import strategies as st

from foundation.ids import encode, is_id, new_id, new_token

MOMENTS = st.integers(0, 2**48 - 1)
ENTROPY = st.integers(0, 2**80 - 1)


@given(MOMENTS, MOMENTS, ENTROPY, ENTROPY)
def test_identifiers_sort_by_the_time_they_were_made(early, late, one, other):
    if early < late:
        assert encode(early, one) < encode(late, other)


@given(MOMENTS, ENTROPY)
def test_no_two_times_or_entropies_share_an_identifier(moment, entropy):
    digits = "0123456789abcdefghjkmnpqrstvwxyz"
    value = 0
    for character in encode(moment, entropy):
        value = value * 32 + digits.index(character)
    assert divmod(value, 2**80) == (moment, entropy)


def test_an_identifier_has_its_kind_and_26_characters():
    assert is_id(new_id("rec"), "rec")
    assert not is_id(new_id("rec"), "job")


@given(st.text(max_size=40))
def test_a_strangers_text_is_judged_without_an_error(text):
    assert is_id(text, "rec") in (True, False)


def test_a_letter_crockford_leaves_out_is_no_identifier():
    assert not is_id("rec_01jd9zk3f80000000000000o00", "rec")


def test_a_token_holds_256_bits_in_url_characters():
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 43 and token.replace("-", "").replace("_", "").isalnum() for token in tokens)
