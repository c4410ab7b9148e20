namespace Helping
{
    public static class Helper
    {
        public static string Greet(string name) => $"Grüße, {name}";
    }
}
