def handler(event:, context:)
  raise "too late to begin" if context.get_remaining_time_in_millis < 100

  {
    total_cents: 650 * event["count"],
    id: context.aws_request_id,
  }
end
