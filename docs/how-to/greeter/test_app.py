from pathlib import Path

CODE = Path(__file__).with_name("app.py")


def test_the_word_is_a_variable(lambda_sandbox):
    function = lambda_sandbox.deploy(CODE, Environment={"Variables": {"WORD": "Hi"}})
    assert function.invoke({"name": "Ada"}).value == {"text": "Hi, Ada"}


def test_a_name_is_needed(lambda_sandbox):
    answer = lambda_sandbox.deploy(CODE).invoke({})
    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == "KeyError"


def test_a_failed_event_is_tried_twice_more(lambda_sandbox_in_process):
    sandbox = lambda_sandbox_in_process
    function = sandbox.deploy(CODE)
    function.client.invoke(FunctionName=function.name, InvocationType="Event", Payload=b"{}")
    sandbox.advance(10 * 60)  # at once: the retries are a minute and two minutes apart
    assert [attempt["attempt"] for attempt in sandbox.history().invocations] == [1, 2, 3]
