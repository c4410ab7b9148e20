import time


class BankTooSlow(Exception):
    pass


def ask_bank(takes_s, patience_s):
    """Stands for a request to a bank that answers after ``takes_s`` seconds."""
    time.sleep(min(takes_s, patience_s))
    if takes_s > patience_s:
        raise BankTooSlow(f"no answer within {patience_s:.1f} s")


def handler(event, context):
    left_s = context.get_remaining_time_in_millis() / 1000
    patience_s = left_s - 0.4 if event.get("careful") else 60
    print(f"order {event['order']}: asking the bank")
    ask_bank(event.get("bank_s", 0), patience_s)
    print(f"order {event['order']}: paid")
    return {"paid": True}
