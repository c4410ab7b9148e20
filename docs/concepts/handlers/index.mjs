export const handler = async (event, context) => {
  if (context.getRemainingTimeInMillis() < 100) {
    throw new Error("too late to begin");
  }
  return {
    total_cents: 650 * event.count,
    id: context.awsRequestId,
  };
};
