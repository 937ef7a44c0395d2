"""The figures that the demo prints at its end."""

from components.core.figures import percentile, share
from components.core.messages import Match, SearchResult
from components.demo.tally import Tally


def result(frame_seq: int, label: str | None, *found: str, decision: str = "match", **more: object) -> SearchResult:
    matches = tuple(Match(item_id, 0.9) for item_id in found)
    fields = {"query_id": "q", "model": "0" * 64, "generation": 1, "captured_ns": 0, **more}
    return SearchResult(frame_seq=frame_seq, label=label, matches=matches, decision=decision, **fields)


def test_results_are_counted_by_what_the_camera_really_showed() -> None:
    tally = Tally()
    seen = [
        result(5, "a", "a", "b"),
        result(6, "a", "b", "a"),
        result(7, "b", "b", decision="no_match"),
        result(8, "c", "a", "b"),
        result(9, "", "a", decision="no_match"),
        result(10, "", "a"),
        result(14, None, "a"),
        result(99, "a", "a", origin="upload"),
    ]
    for number, one in enumerate(seen):
        tally.saw_query()
        tally.add(one, arrived_ns=(number + 1) * 1_000_000)
    summary = tally.summary(2.04)
    assert (summary.seconds, summary.frames, summary.queries, summary.results) == (2.0, 10, 8, 7)
    assert (summary.held_up, summary.items_shown, summary.empty) == (4, 3, 2)
    assert (summary.share_right, summary.hit_rate_at_1, summary.hit_rate_at_5) == (0.25, 0.5, 0.75)
    assert summary.share_empty_right == 0.5
    assert (summary.frame_to_result_ms_p50, summary.frame_to_result_ms_p95) == (4.0, 7.0)


def test_picture_too_poor_to_be_searched_is_no_result_but_a_miss_where_an_item_is_held_up() -> None:
    tally = Tally()
    tally.add(result(1, "a", "a", inference_ms=20.0), arrived_ns=5_000_000)
    tally.add(result(2, "a", decision="no_match", cause="poor_picture", guidance="hold_still"), arrived_ns=1_000_000)
    summary = tally.summary(1.0)
    assert (summary.results, summary.poor, summary.held_up, summary.share_right) == (1, 1, 2, 0.5)
    assert (summary.inference_ms_p50, summary.frame_to_result_ms_p50) == (20.0, 5.0)


def test_choice_is_no_right_answer_but_offered_and_over_an_empty_counter_it_is_wrong() -> None:
    tally = Tally()
    for frame, (label, *found) in enumerate([("a", "b", "a"), ("a", "b", "c", "a"), ("a", "a", "b"), ("", "a", "b")]):
        tally.add(result(frame, label, *found, decision="ambiguous", candidates=2), arrived_ns=1)
    tally.add(result(9, "a", "a", "b"), arrived_ns=1)
    summary = tally.summary(1.0)
    assert (summary.share_right, summary.share_offered, summary.share_empty_right) == (0.25, 0.5, 0.0)


def test_without_results_there_are_no_shares() -> None:
    summary = Tally().summary(1.0)
    assert (summary.results, summary.frames, summary.share_right, summary.inference_ms_p50) == (0, 0, None, None)


def test_percentile_is_one_of_the_values() -> None:
    assert [percentile([4.0, 1.0, 3.0, 2.0], percent) for percent in (0, 25, 50, 95, 100)] == [1.0, 1.0, 2.0, 4.0, 4.0]
    assert percentile([], 50) is None
    assert (share(1, 3), share(1, 0)) == (0.3333, None)
