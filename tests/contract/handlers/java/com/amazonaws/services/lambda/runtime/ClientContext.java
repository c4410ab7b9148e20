// The function's side of AWS's interface, as far as the cases use it.
package com.amazonaws.services.lambda.runtime;

public interface ClientContext {
    Client getClient();

    java.util.Map<String, String> getCustom();

    java.util.Map<String, String> getEnvironment();
}
