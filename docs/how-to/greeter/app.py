import os


def handler(event, context):
    print("greeting", event["name"])
    return {"text": f"{os.environ.get('WORD', 'Hello')}, {event['name']}"}
