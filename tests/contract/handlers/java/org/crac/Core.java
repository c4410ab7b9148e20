// In the manner of org-crac 0.1.3: what is registered goes on to the implementation in the package that a property names.
package org.crac;

import java.lang.reflect.Method;
import java.lang.reflect.Proxy;

public final class Core {
    private static final Context<Resource> CONTEXT = new Forwarding();

    private Core() {}

    public static Context<Resource> getGlobalContext() {
        return CONTEXT;
    }

    private static final class Forwarding extends Context<Resource> {
        private final Class<?> kind;
        private final Object target;
        private final Method register;

        Forwarding() {
            String name = System.getProperty("org.crac.Core.Compat");
            try {
                kind = Class.forName(name + ".Resource");
                Class<?> core = Class.forName(name + ".Core");
                core.getMethod("checkpointRestore");
                Class.forName(name + ".CheckpointException");
                Class.forName(name + ".RestoreException");
                target = core.getMethod("getGlobalContext").invoke(null);
                register = Class.forName(name + ".Context").getMethod("register", kind);
            } catch (ReflectiveOperationException error) {
                throw new IllegalStateException(error);
            }
        }

        @Override
        public void register(Resource resource) {
            Object passed = Proxy.newProxyInstance(Core.class.getClassLoader(), new Class<?>[] {kind}, (self, method, arguments) -> {
                if (method.getName().equals("beforeCheckpoint")) {
                    resource.beforeCheckpoint(this);
                } else {
                    resource.afterRestore(this);
                }
                return null;
            });
            try {
                register.invoke(target, passed);
            } catch (ReflectiveOperationException error) {
                throw new IllegalStateException(error);
            }
        }

        @Override
        public void beforeCheckpoint(Context<? extends Resource> context) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void afterRestore(Context<? extends Resource> context) {
            throw new UnsupportedOperationException();
        }
    }
}
