"""OpenAI's own package, unchanged, against a hub whose models are mocks.

`cargo xtask openai` builds the programs and runs this; `world.py` starts them.
Each function whose name begins with `test_` is a test; those with a parameter
`provider` run once for each provider behind the hub. Words on the command line
choose tests."""

import asyncio
import inspect
import json
import pathlib
import sys
import tempfile
import traceback

import openai
from openai import AsyncOpenAI
from pydantic import BaseModel

from world import MODELS, PERSON, PROVIDERS, WEATHER, WORDS, World, eventually

ASK = [{"role": "user", "content": "Hi"}]
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
FLAT_TOOL = {"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": True}


class Person(BaseModel):
    name: str
    age: int


def refused(kind: type, call, status: int, code: str, param: str | None = None):
    try:
        call()
    except kind as error:
        assert type(error) is kind, type(error)
        assert error.status_code == status, error.status_code
        assert error.code == code, error.code
        assert error.param == param, error.param
        assert error.type and error.body["message"], error.body
        assert error.request_id, "no request id"
        return error
    raise AssertionError(f"expected {kind.__name__}")


def test_chat(world, provider):
    answer = world.client().chat.completions.create(model=f"words-{provider}", messages=ASK)
    assert answer.object == "chat.completion" and answer.id.startswith("chatcmpl-")
    [choice] = answer.choices
    assert choice.message.role == "assistant" and choice.message.content == WORDS
    assert choice.finish_reason == "stop" and choice.message.tool_calls is None
    assert answer.usage.prompt_tokens == 10 and answer.usage.completion_tokens == 5
    assert answer.usage.total_tokens == 15
    assert answer.usage.prompt_tokens_details.cached_tokens == 0
    assert answer.model == MODELS[provider]


def test_stream(world, provider):
    stream = world.client().chat.completions.create(
        model=f"words-{provider}", messages=ASK, stream=True
    )
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == WORDS
    ends = [chunk.choices[0].finish_reason for chunk in chunks]
    assert ends[-1] == "stop" and not any(ends[:-1])
    assert all(chunk.usage is None for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1


def test_stream_with_usage(world, provider):
    stream = world.client().chat.completions.create(
        model=f"words-{provider}",
        messages=ASK,
        stream=True,
        stream_options={"include_usage": True},
    )
    *chunks, last = list(stream)
    assert last.choices == [] and last.usage.total_tokens == 15
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


def test_stream_helper(world, provider):
    with world.client().chat.completions.stream(
        model=f"words-{provider}", messages=ASK
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "content.delta" in kinds and "content.done" in kinds
    assert final.choices[0].message.content == WORDS


def test_stream_that_breaks(world, provider):
    stream = world.client().chat.completions.create(
        model=f"broken-{provider}", messages=ASK, stream=True
    )
    said = ""
    try:
        for chunk in stream:
            said += chunk.choices[0].delta.content or ""
    except openai.APIError as error:
        assert said == "w0 w1 w2 w3 ", said
        assert "broke" in error.message, error.message
        return
    raise AssertionError("a stream that broke off looked whole")


def test_tools(world, provider):
    client = world.client()
    messages = list(ASK)
    answer = client.chat.completions.create(
        model=f"tools-{provider}", messages=messages, tools=[TOOL], tool_choice="auto"
    )
    [choice] = answer.choices
    assert choice.finish_reason == "tool_calls"
    [call] = choice.message.tool_calls
    assert call.type == "function" and call.id == "call_0" and call.function.name == "weather"
    assert json.loads(call.function.arguments) == WEATHER
    # The conversation goes on with what the client made of the answer.
    messages += [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "sun"}]
    after = client.chat.completions.create(
        model=f"words-{provider}", messages=messages, tools=[TOOL]
    )
    assert after.choices[0].message.content == WORDS
    messages.append(after.choices[0].message)
    messages.append({"role": "user", "content": "And then?"})
    again = client.chat.completions.create(model=f"words-{provider}", messages=messages)
    assert again.choices[0].message.content == WORDS


def test_tools_streamed(world, provider):
    stream = world.client().chat.completions.create(
        model=f"tools-{provider}", messages=ASK, tools=[TOOL], stream=True
    )
    calls, finish = {}, None
    for chunk in stream:
        finish = chunk.choices[0].finish_reason or finish
        for piece in chunk.choices[0].delta.tool_calls or []:
            call = calls.setdefault(piece.index, {"id": "", "name": "", "arguments": ""})
            call["id"] += piece.id or ""
            call["name"] += piece.function.name or ""
            call["arguments"] += piece.function.arguments or ""
    assert finish == "tool_calls" and list(calls) == [0]
    assert (calls[0]["id"], calls[0]["name"]) == ("call_0", "weather")
    assert json.loads(calls[0]["arguments"]) == WEATHER


def model_of_form(provider: str) -> str:
    return "words-openai" if provider == "openai" else "form-anthropic"


def test_json_schema(world, provider):
    schema = Person.model_json_schema()
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    answer = world.client().chat.completions.create(
        model=model_of_form(provider), messages=ASK, response_format=form
    )
    assert answer.choices[0].finish_reason == "stop"
    assert json.loads(answer.choices[0].message.content) == PERSON


def test_parse(world, provider):
    answer = world.client().chat.completions.parse(
        model=model_of_form(provider), messages=ASK, response_format=Person
    )
    assert answer.choices[0].message.parsed == Person(**PERSON)


def test_embeddings(world):
    client = world.client()
    # The package asks for base64 by itself and unpacks it.
    answer = client.embeddings.create(model="words-openai", input=["one", "two"])
    assert [item.index for item in answer.data] == [0, 1]
    vector = answer.data[0].embedding
    assert len(vector) == 64 and all(isinstance(number, float) for number in vector)
    assert abs(sum(number * number for number in vector) - 1) < 1e-3
    assert world.asked("words")[-1]["body"]["encoding_format"] == "base64"
    plain = client.embeddings.create(
        model="words-openai", input="one", encoding_format="float", dimensions=8
    )
    assert len(plain.data[0].embedding) == 8 and plain.usage.total_tokens == 1
    call = lambda: client.embeddings.create(model="words-anthropic", input="one")
    refused(openai.BadRequestError, call, 400, "unsupported")


def test_models(world):
    client = world.client()
    names = [model.id for model in client.models.list()]
    for name in ["words-openai", "words-anthropic", "local-fast"]:
        assert name in names, names
        one = client.models.retrieve(name)
        assert one.id == name and one.object == "model" and one.owned_by
    assert any(name.startswith("agent/") for name in names), names
    call = lambda: client.models.retrieve("nobody")
    refused(openai.NotFoundError, call, 404, "model_not_found", "model")


def test_logprobs(world):
    answer = world.client().chat.completions.create(
        model="words-openai", messages=ASK, logprobs=True, top_logprobs=2
    )
    tokens = answer.choices[0].logprobs.content
    assert [token.token for token in tokens] == WORDS.replace(" ", " |").split("|")[:-1]
    assert tokens[0].logprob < 0 and len(tokens[0].top_logprobs) == 2


def test_response(world, provider):
    answer = world.client().responses.create(
        model=f"words-{provider}",
        instructions="Be brief.",
        input="Hi",
        max_output_tokens=100,
        metadata={"a": "b"},
    )
    assert answer.object == "response" and answer.id.startswith("resp_")
    assert answer.status == "completed" and answer.error is None
    assert answer.output_text == WORDS
    assert answer.usage.input_tokens == 10 and answer.usage.output_tokens == 5
    assert answer.usage.input_tokens_details.cached_tokens == 0
    assert answer.usage.output_tokens_details.reasoning_tokens == 0
    assert answer.metadata == {"a": "b"} and answer.instructions == "Be brief."
    # The conversation goes on with the items that were answered.
    conversation = [{"role": "user", "content": "Hi"}, *answer.output]
    conversation.append({"role": "user", "content": "And then?"})
    again = world.client().responses.create(model=f"words-{provider}", input=conversation)
    assert again.output_text == WORDS


def test_response_streamed(world, provider):
    stream = world.client().responses.create(
        model=f"words-{provider}", input="Hi", stream=True
    )
    events = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    said = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(said) == WORDS and events[-1].response.output_text == WORDS
    with world.client().responses.stream(model=f"words-{provider}", input="Hi") as stream:
        for _ in stream:
            pass
        assert stream.get_final_response().output_text == WORDS


def test_response_with_a_call(world, provider):
    client = world.client()
    conversation = [{"role": "user", "content": "Hi"}]
    answer = client.responses.create(
        model=f"tools-{provider}", input=conversation, tools=[FLAT_TOOL]
    )
    [call] = answer.output
    assert call.type == "function_call" and call.name == "weather"
    assert json.loads(call.arguments) == WEATHER
    conversation += answer.output
    conversation.append(
        {"type": "function_call_output", "call_id": call.call_id, "output": "sun"}
    )
    after = client.responses.create(
        model=f"words-{provider}", input=conversation, tools=[FLAT_TOOL]
    )
    assert after.output_text == WORDS
    with client.responses.stream(
        model=f"tools-{provider}", input="Hi", tools=[FLAT_TOOL]
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert "response.function_call_arguments.delta" in kinds
    assert json.loads(final.output[0].arguments) == WEATHER


def test_response_of_a_form(world, provider):
    answer = world.client().responses.parse(
        model=model_of_form(provider), input="Hi", text_format=Person
    )
    assert answer.output_parsed == Person(**PERSON)


def test_response_that_breaks(world, provider):
    stream = world.client().responses.create(
        model=f"broken-{provider}", input="Hi", stream=True
    )
    last = list(stream)[-1]
    assert last.type == "response.failed" and last.response.status == "failed"
    assert last.response.error.code == "server_error" and last.response.error.message


def test_response_that_needs_memory(world):
    client = world.client()

    def follow(**more):
        return lambda: client.responses.create(model="words-openai", input="Hi", **more)

    for more in [{"previous_response_id": "resp_1"}, {"background": True}]:
        [param] = more
        error = (openai.BadRequestError, follow(**more), 400, "unsupported_parameter", param)
        refused(*error)
    call = lambda: client.responses.retrieve("resp_1")
    refused(openai.NotFoundError, call, 404, "response_not_found", "response_id")


def test_errors(world):
    def chat(client, model="words-openai", **more):
        return lambda: client.chat.completions.create(model=model, messages=ASK, **more)

    stranger, reader = world.client(api_key="sk-wrong"), world.client(api_key=world.reader())
    refused(openai.AuthenticationError, chat(stranger), 401, "invalid_api_key")
    refused(openai.PermissionDeniedError, chat(reader), 403, "insufficient_permissions")
    client = world.client()
    refused(openai.NotFoundError, chat(client, "nobody"), 404, "model_not_found", "model")
    refused(openai.BadRequestError, chat(client, n=2), 400, "invalid_request", "n")
    dear = chat(client, max_tokens=100_000_000)
    refused(openai.APIStatusError, dear, 402, "budget_exceeded")
    limited = refused(openai.RateLimitError, chat(client, "limited-openai"), 429, "rate_limited")
    assert int(limited.response.headers["retry-after"]) >= 1
    # While it rests it is not asked at all.
    resting = chat(client, "limited-openai")
    refused(openai.InternalServerError, resting, 503, "unavailable")
    refused(openai.RateLimitError, chat(client, "limited-anthropic"), 429, "rate_limited")


def test_privacy(world):
    before = len(world.asked("words"))
    call = lambda: world.client().chat.completions.create(
        model="words-openai", messages=ASK, extra_headers={"X-AgentOS-Privacy": "local_only"}
    )
    refused(openai.InternalServerError, call, 503, "local_only")
    assert len(world.asked("words")) == before


def test_a_closed_stream_ends_at_the_provider(world, provider):
    def endings():
        return [one["ending"] for one in world.asked("slow")]

    before = len(endings())
    stream = world.client().chat.completions.create(
        model=f"slow-{provider}", messages=ASK, stream=True
    )
    for number, _ in enumerate(stream):
        if number == 3:
            break
    assert endings()[before:] == ["open"]
    stream.close()
    eventually("the end at the provider", lambda: endings()[before:] == ["client_left"])


def test_headers(world, provider):
    raw = world.client().chat.completions.with_raw_response.create(
        model=f"words-{provider}", messages=ASK
    )
    name = f"words-{provider}/{provider}/{MODELS[provider]}"
    assert raw.headers["x-agentos-deployment"] == name, raw.headers
    assert raw.headers["x-agentos-location"] == "cloud"
    assert raw.parse().choices[0].message.content == WORDS
    assert raw.parse().model_extra["agentos"]["deployment"] == name
    with world.client().responses.with_streaming_response.create(
        model=f"words-{provider}", input="Hi"
    ) as raw:
        assert raw.headers["x-agentos-deployment"] == name
        assert raw.parse().output_text == WORDS


def test_async(world, provider):
    async def all_at_once():
        async with AsyncOpenAI(**world.options({})) as client:
            model = f"words-{provider}"
            ask = client.chat.completions.create
            answers = [ask(model=model, messages=ASK) for _ in range(8)]
            for answer in await asyncio.gather(*answers):
                assert answer.choices[0].message.content == WORDS
            said = ""
            async for chunk in await ask(model=model, messages=ASK, stream=True):
                said += chunk.choices[0].delta.content or ""
            assert said == WORDS
            response = await client.responses.create(model=model, input="Hi")
            assert response.output_text == WORDS

    asyncio.run(all_at_once())


def main() -> int:
    tests = [(name, it) for name, it in globals().items() if name.startswith("test_")]
    wanted = sys.argv[1:]
    failed, count = [], 0
    with tempfile.TemporaryDirectory(prefix="agentos-openai-") as folder:
        world = World(pathlib.Path(folder))
        try:
            world.start()
            for name, test in tests:
                several = "provider" in inspect.signature(test).parameters
                for provider in PROVIDERS if several else [None]:
                    label = f"{name} ({provider})" if provider else name
                    if wanted and not any(word in label for word in wanted):
                        continue
                    count += 1
                    try:
                        test(world, *[provider] * several)
                        print(f"ok      {label}", flush=True)
                    except Exception:
                        failed.append(label)
                        print(f"FAILED  {label}\n{traceback.format_exc()}", flush=True)
        finally:
            world.stop()
            if failed or not count:
                print(world.last_words())
    print(f"{count - len(failed)} of {count} passed with openai {openai.__version__}")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
